#!/bin/sh
# go-overlay.sh NAME CHANGE…: writes /build/overlay/NAME.json, files that a Go program is built
# with in another form than its libraries have them (`go help build`, -overlay).  Called in the
# unpacked source; the files that are added lie in /in.
#
# All serve one end: Go's linker leaves out exported methods that nothing calls, unless something
# in the program can call a method by a name that is known only while it runs.
set -eu

libraries="$PWD/_build/src/github.com"
share=/usr/share/gocode/src/github.com
go="$(GOFLAGS= go env GOROOT)/src"
out="/build/overlay/$1.json"
replaced=""
mkdir -p /build/overlay
shift

# replace FILE BY: as Go sees it, and what it is to see; nothing for "isn't there"
replace() {
    replaced="$replaced${replaced:+,
}  \"$1\": \"${2:+/build/overlay/$2}\""
}

# add FOLDER FILE
add() {
    cp "/in/$2" /build/overlay/
    replace "$1/$2" "$2"
}

# changed FILE EXPRESSION BY: by sed; a file in which nothing changes isn't the one we know
changed() {
    sed "$2" "$1" > "/build/overlay/$3"
    if cmp -s "$1" "/build/overlay/$3"; then
        echo "go-overlay: nothing in $1 matches $2" >&2
        exit 1
    fi
}

for change in "$@"; do
    case "$change" in
    # templates call methods that types offer, not those that they name
    templates)
        changed "$go/text/template/exec.go" \
            's/ptr\.MethodByName(fieldName)/namedMethod(ptr, fieldName)/' exec.go
        replace "$go/text/template/exec.go" exec.go
        add "$go/text/template" templates_named_methods.go
        ;;
    urfave-cli) add "$libraries/urfave/cli" urfave_cli_named_methods.go ;;
    cobra)
        add "$libraries/spf13/cobra" cobra_named_methods.go
        add "$libraries/spf13/pflag" pflag_named_methods.go
        ;;
    reflect2) add "$libraries/modern-go/reflect2" reflect2_named_methods.go ;;
    # containerd's library loads plugins that are Go libraries: a program that can do so keeps
    # and exports everything
    no-plugins)
        changed "$share/containerd/containerd/plugin/plugin_other.go" \
            '/^\/\/go:build/d; /^\/\/ +build/d' plugin_other.go
        replace "$libraries/containerd/containerd/plugin/plugin_go18.go" ""
        replace "$libraries/containerd/containerd/plugin/plugin_other.go" plugin_other.go
        ;;
    *)
        echo "go-overlay: there is no change $change" >&2
        exit 1
        ;;
    esac
done

printf '{"Replace": {\n%s\n}}\n' "$replaced" > "$out"
