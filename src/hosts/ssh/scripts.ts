import { shellQuote } from './quote.ts';

/**
 * What runs on the far side: a POSIX shell and the tools of coreutils. $1 and on are the arguments. What fails says so
 * on standard error, in the words of the C locale (remote-errno.ts reads them). Exit codes from 10 are the script's own;
 * dash ends with 2 when a redirection fails.
 */

/** What looks after files leaves nothing half done when the connection is lost. */
const CAREFUL = `
LC_ALL=C
export LC_ALL
umask 077
trap '' HUP PIPE
`;

/**
 * Does one script after the other, each in a subshell, and says what came of it: between marks its standard output, its
 * exit code, its standard error. Ends with the connection. What was cut off is not begun. $1 is the first mark.
 */
export const AGENT = `${CAREFUL}
exec 3>&1
printf '%s:start;' "$1"
while read -r mark length; do
  script=$(head -c "$length")
  [ "\${#script}" = "$length" ] || exit 1
  printf '%s:start;' "$mark"
  said=$(eval "$script" 2>&1 1>&3 3>&- </dev/null)
  printf '%s:%s;%s:start;%s%s:0;' "$mark" "$?" "$mark" "$said" "$mark"
done
`;

/** A script for the agent, with its arguments, and how long it is. */
export function request(mark: string, script: string, args: readonly string[]): string {
  const text = `set -- ${args.map(shellQuote).join(' ')}\n${script.trim()}`;
  return `${mark} ${Buffer.byteLength(text)}\n${text}`;
}

/** Around a script in a session of its own: marks on both outputs; `end` tells how it ended. $1 is the mark. */
const PROLOGUE = `
m=$1
shift
end() { printf '%s:%s;' "$m" "$1"; printf '%s:%s;' "$m" "$1" >&2; }
printf '%s:start;' "$m"; printf '%s:start;' "$m" >&2
`;

/** Answers. */
export const NOTHING = ':';

/** PATH MOST [UID GID]: the content. Exit 10: no file; 11: larger; 12: that user may not read it. What is open is what is looked at. */
export const READ = `
status=$(stat -L -c '%f' -- "$1") || exit 1
case $status in 8???) ;; *) exit 10 ;; esac
exec 4<"$1"
status=$(stat -L -c '%f %s %u %g' /dev/fd/4) || exit 1
set -- "$1" "$2" "\${3-}" "\${4-}" $status
case $5 in 8???) ;; *) exit 10 ;; esac
[ "$6" -le "$2" ] || exit 11
if [ "\${3:-0}" != 0 ] && [ "$3" != "$(id -u)" ]; then
  if [ "$3" = "$7" ]; then bit=256; elif [ "$4" = "$8" ]; then bit=32; else bit=4; fi
  [ $((0x$5 & bit)) != 0 ] || exit 12
fi
head -c "$2" <&4
`;

/** PATH: raw mode in hex, uid, gid, size; then, of a link, a space and what it says. */
export const LOOK = `
status=$(stat -c '%f %u %g %s' -- "$1") || exit 1
printf '%s ' "$status"
case $status in a???\\ *) readlink -n -- "$1" ;; esac
`;

/** DIRECTORY: its names, each ended by a null byte. */
export const LIST = `
ls -A -- "$1/." >/dev/null || exit 1
cd -- "$1" || exit 1
for name in * .[!.]* ..?*; do
  if [ -e "$name" ] || [ -L "$name" ]; then printf '%s\\0' "$name"; fi
done
`;

/** DIRECTORY, without a slash at its end. */
export const MAKE_DIRECTORY = `
umask 022
above=$1
made=
while [ ! -e "$above" ] && [ ! -L "$above" ]; do
  made=1
  above=\${above%/*}
  above=\${above:-/}
done
mkdir -p -- "$1" || exit 1
[ -n "$made" ] || exit 0
at=$1
while [ "$at" != "$above" ]; do
  at=\${at%/*}
  at=\${at:-/}
  sync -- "$at" || exit 1
done
`;

/**
 * DIRECTORY OWNER {NAME MODE SIZE}…, the contents on standard input: each file has its owner and its mode before its
 * content. Says the name of the file that failed. Exit 10: the content was cut off.
 */
export const MAKE_SET = `${PROLOGUE}${CAREFUL}
(
set=$1
owner=$2
shift 2
mkdir -m 755 -- "$set" || exit 1
trap 'rm -rf -- "$set"; exit 1' TERM INT
undo() { rm -rf -- "$set"; printf '%s' "$2"; exit "$1"; }
while [ $# -gt 0 ]; do
  file=$set/$1
  (
    set -C
    exec 3>"$file" || exit 1
    [ -z "$owner" ] || chown -- "$owner" "$file" || exit 1
    chmod -- "$2" "$file" || exit 1
    head -c "$3" >&3 || exit 1
    [ "$(stat -c %s -- "$file")" = "$3" ] || exit 10
    exec 3>&-
    sync -- "$file"
  ) || undo $? "$1"
  shift 3
done
sync -- "$set" || undo 1
sync -- "\${set%/*}/" || undo 1
)
end $?
`;

/** PATH TARGET TEMPORARY, all in one directory. */
export const POINT_TO = `
ln -s -- "$2" "$3" || exit 1
mv -f -T -- "$3" "$1" || { rm -f -- "$3"; exit 1; }
sync -- "\${1%/*}/"
`;

/** PATH CONTENT. Exit 10: there is something. */
export const CLAIM = `
umask 022
if [ -e "$1" ] || [ -L "$1" ]; then exit 10; fi
set -C
exec 4>"$1" || exit 1
printf '%s' "$2" | cat >&4 || { rm -f -- "$1"; exit 1; }
`;

/** PATH */
export const REMOVE = `
rm -rf -- "$1"
`;

/**
 * SECONDS PROGRAM ARGUMENT…: what it is killed after, with all of its process group; it reads nothing. Ends with a word
 * where there is nothing to run. Nothing comes on standard input: its end is the end of who asked, and the program is
 * ended with it. (In a pipe and not behind an ampersand, where a shell makes it ignore SIGINT.)
 */
export const RUN = `${PROLOGUE}
t=$1
shift
p=
case $1 in
*/*) p=$1 ;;
*)
  set -f
  IFS=:
  for d in $PATH; do
    if [ -f "\${d:-.}/$1" ] && [ -x "\${d:-.}/$1" ]; then p=\${d:-.}/$1; break; fi
  done
  unset IFS
  set +f
  ;;
esac
if [ -z "$p" ] || [ ! -e "$p" ]; then end ENOENT
elif [ ! -f "$p" ] || [ ! -x "$p" ]; then end EACCES
else
  exec 5<&0 </dev/null 7>&1
  {
    sh -c 'echo $$; exec timeout -s KILL "$@" >&7 7>&-' sh "$t" "$@" 5<&-
    echo $?
  } | {
    read -r p
    { read -r _ <&5; kill -s TERM "$p"; } >/dev/null 2>&1 7>&- &
    w=$!
    read -r s
    kill "$w"
    end "$s"
  }
fi
`;

/** PATH of a socket that did not answer. Exit 10: it is none; 11: it may not be written to; 12: something listens. */
export const SOCKET = `
stat -L -- "$1" >/dev/null || exit 1
[ -S "$1" ] || exit 10
[ -w "$1" ] || exit 11
while read -r _ _ _ flags _ _ _ path; do
  if [ "$flags $path" = "00010000 $1" ]; then exit 12; fi
done 2>/dev/null </proc/net/unix
exit 0
`;

/** SIGNAL PROCESS */
export const SIGNAL = `
kill -s "$1" "$2"
`;
