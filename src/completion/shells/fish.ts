export const FISH = `# fish completion of cluster-ca.
#   for good:  cluster-ca completion fish >~/.config/fish/completions/cluster-ca.fish
#   for now:   cluster-ca completion fish | source

function __cluster_ca_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    test (count $current) -eq 0; and set current ''
    set -l program $words[1]
    set -e words[1]
    set -l flag ''
    string match -qr -- '^--[^=]*=' $current; and set flag (string match -r -- '^--[^=]*=' $current)
    set -l typed (string replace -r -- '^--[^=]*=' '' $current)
    for line in ($program completion --complete -- $words $current 2>/dev/null </dev/null)
        switch $line
            case ':files'
                printf '%s\\n' $flag(__fish_complete_path $typed)
            case ':dirs'
                printf '%s\\n' $flag(__fish_complete_directories $typed)
            case '*'
                echo $line
        end
    end
end

complete -c cluster-ca -f -a '(__cluster_ca_complete)'
`;
