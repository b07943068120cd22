if [ -n "$BASH_VERSION" ] && [ -r "$HOME/.bashrc" ]; then
    . "$HOME/.bashrc"
fi
for folder in "$HOME/bin" "$HOME/.local/bin"; do
    [ ! -d "$folder" ] || PATH="$folder:$PATH"
done
unset folder
