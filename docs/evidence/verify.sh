#!/bin/sh
# Verifies an evidence folder of Spark without Spark: sh verify.sh FOLDER PUBLIC_KEY
# It needs OpenSSL 3, sha256sum, grep, sed, find and sort. Exit code 13 where it does not hold.
set -eu
export LC_ALL=C
folder=$1 key=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
refuse() {
  echo "does not hold: $1" >&2
  exit 13
}

# 1. The envelope: one line with a payload and one signature, both in base64.
sed -n 's/^{"payloadType":"application\/vnd.in-toto+json","payload":"\([^"]*\)","signatures":\[{"keyid":"[0-9a-f]*","sig":"[^"]*"}\]}$/\1/p' \
  "$folder/seal.json" | openssl base64 -d -A >"$work/statement" || refuse 'seal.json'
sed -n 's/^.*"sig":"\([^"]*\)"}\]}$/\1/p' "$folder/seal.json" | openssl base64 -d -A >"$work/signature" || refuse 'seal.json'

# 2. The signature is over DSSE's form of type and payload.
{
  printf 'DSSEv1 28 application/vnd.in-toto+json %s ' "$(($(wc -c <"$work/statement")))"
  cat "$work/statement"
} >"$work/signed"
openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$work/signed" -sigfile "$work/signature" >/dev/null 2>&1 ||
  refuse 'the signature in seal.json'

# 3. The statement lists every file with its SHA-256.
grep -o '{"name":"[^"]*","digest":{"sha256":"[0-9a-f]*"}}' "$work/statement" |
  sed 's/^{"name":"\(.*\)","digest":{"sha256":"\(.*\)"}}$/\2  \1/' >"$work/sums"
cd "$folder"
sha256sum --check --strict --quiet "$work/sums" >&2 || refuse 'the files above'

# 4. And there is nothing else.
sed 's/^[0-9a-f]*  //' "$work/sums" | sort >"$work/expected"
find . ! -type d ! -path ./seal.json | sed 's/^\.\///' | sort >"$work/found"
cmp -s "$work/expected" "$work/found" || refuse 'a file was added or is listed twice'
[ -z "$(find . ! -type d ! -type f)" ] || refuse 'a link or a device'
echo "verified: $(($(wc -l <"$work/sums"))) files are what was sealed"
