/** The C library's words for what a system call refuses, and those of shells that have their own. */
const SAID: [RegExp, string][] = [
  [/No such file or directory$|No such file$|Directory nonexistent$|nonexistent directory$/, 'ENOENT'],
  [/Permission denied$/, 'EACCES'],
  [/Operation not permitted$/, 'EPERM'],
  [/No space left on device$/, 'ENOSPC'],
  [/Disk quota exceeded$/, 'EDQUOT'],
  [/Read-only file system$/, 'EROFS'],
  [/File exists$|cannot overwrite existing file$/, 'EEXIST'],
  [/Not a directory$/, 'ENOTDIR'],
  [/Is a directory$|cannot overwrite directory .* with non-directory$/s, 'EISDIR'],
  [/Input\/output error$/, 'EIO'],
  [/Too many levels of symbolic links$/, 'ELOOP'],
  [/File name too long$/, 'ENAMETOOLONG'],
  [/Too many open files$/, 'EMFILE'],
  [/Device or resource busy$/, 'EBUSY'],
  [/No such process$/, 'ESRCH'],
];

/** The system's error code in what a tool said last, in the C locale; undefined when it is in none of these words. */
export function remoteErrno(said: string): string | undefined {
  const text = said.trimEnd();
  return SAID.find(([words]) => words.test(text))?.[1];
}
