/** bash splits words at `=` and `:` too; they are put together again, and what is offered is cut to what bash replaces. */
export const BASH = String.raw`# bash completion of cluster-ca.
#   for one user:  cluster-ca completion bash >~/.local/share/bash-completion/completions/cluster-ca
#   for all:       cluster-ca completion bash >/usr/share/bash-completion/completions/cluster-ca
#   for now:       source <(cluster-ca completion bash)

_cluster_ca() {
  local rest="\${COMP_LINE:0:COMP_POINT}" i word before value paths='' current part
  local -a words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if ((i == COMP_CWORD)); then
      before="\${rest%%[![:space:]]*}"
      word="\${rest#"$before"}"
      [[ -z $word ]] && before=' '
    else
      before="\${rest%%"$word"*}"
      rest="\${rest#"$before$word"}"
    fi
    if ((i > 0)) && [[ -z $before ]]; then
      words[\${#words[@]} - 1]+="$word"
    else
      words+=("$word")
    fi
  done
  current="\${words[\${#words[@]} - 1]}"
  part="\${current%"\${current##*[=:]}"}"
  COMPREPLY=()
  while IFS=$'\t' read -r value _; do
    case $value in
      :files) paths='-f' ;;
      :dirs) paths='-d' ;;
      *) COMPREPLY+=("\${value#"$part"}") ;;
    esac
  done < <("\${1/#\~/$HOME}" completion --complete -- "\${words[@]:1}" 2>/dev/null </dev/null)
  if [[ -n $paths ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r value; do
      COMPREPLY+=("$value")
    done < <(compgen $paths -- "\${current##*[=]}")
  fi
}

complete -F _cluster_ca cluster-ca
`.replaceAll('\\${', '${');
