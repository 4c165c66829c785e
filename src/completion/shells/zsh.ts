/** Works from a file `_cluster-ca` in `fpath`, and when it is sourced. */
export const ZSH = String.raw`#compdef cluster-ca
# zsh completion of cluster-ca.
#   for good:  cluster-ca completion zsh >~/.zsh/completions/_cluster-ca   (a directory of fpath, before compinit)
#   for now:   source <(cluster-ca completion zsh)

_cluster-ca() {
  local line paths=''
  local -a asked lines found
  (( CURRENT > 2 )) && asked=("\${(@Q)words[2,CURRENT-1]}")
  asked+=("\${(Q)PREFIX}")
  lines=("\${(@f)$("\${(Q)~words[1]}" completion --complete -- "\${asked[@]}" 2>/dev/null </dev/null)}")
  for line in "\${lines[@]}"; do
    case $line in
      :files) paths=files ;;
      :dirs) paths=dirs ;;
      *$'\t'*) found+=("\${\${line%%$'\t'*}//:/\\:}:\${line#*$'\t'}") ;;
      ?*) found+=("\${line//:/\\:}") ;;
    esac
  done
  (( $#found )) && _describe -V 'cluster-ca' found
  if [[ -n $paths ]]; then
    compset -P '--*='
    [[ $paths == dirs ]] && _files -/ || _files
  fi
}

if [[ $funcstack[1] == _cluster-ca ]]; then
  _cluster-ca "$@"
else
  compdef _cluster-ca cluster-ca
fi
`.replaceAll('\\${', '${');
