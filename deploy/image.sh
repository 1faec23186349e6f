#!/bin/sh
# Builds the image `plimsoll` from target/release/plimsoll and the shared libraries it needs. No registry, no network.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
binary=${1:-$here/../target/release/plimsoll}
[ -x "$binary" ] || { echo "image.sh: $binary is not built; run cargo build --release" >&2; exit 1; }
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/root/usr/local/bin" "$tree/root/tmp" "$tree/root/var/lib/plimsoll"
cp "$binary" "$tree/root/usr/local/bin/plimsoll"
ldd "$binary" | grep -o '/[^ )]*' | while read -r library; do
    mkdir -p "$tree/root$(dirname "$library")"
    cp -L "$library" "$tree/root$library"
done
# The same image as `docker build` with deploy/Dockerfile makes of this tree, without a builder.
tar -C "$tree/root" -c . | docker import \
    --change 'EXPOSE 7077' --change 'ENTRYPOINT ["/usr/local/bin/plimsoll"]' --change 'CMD ["--help"]' \
    - "${IMAGE:-plimsoll}"
