#!/bin/sh
# Makes certificates of every kind in the directory DIR, with the openssl command.
set -eu
dir=${1:?usage: pki.sh DIR}
cd "$dir"
days=3650

cat >ca.conf <<'END'
[ca]
default_ca = root
[root]
database = index.txt
crlnumber = crlnumber
default_md = sha256
default_crl_days = 30
[sub]
database = sub-index.txt
crlnumber = sub-crlnumber
default_md = sha256
default_crl_days = 30
[req]
distinguished_name = none
[printable]
distinguished_name = none
string_mask = default
[none]
END
: >index.txt
: >sub-index.txt
echo 01 >crlnumber
echo 01 >sub-crlnumber

key() { # NAME KIND
	case $2 in
	rsa) openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1.key" ;;
	rsa1024) openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out "$1.key" ;;
	ed25519) openssl genpkey -algorithm ed25519 -out "$1.key" ;;
	*) openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$2" -out "$1.key" ;;
	esac
	chmod 600 "$1.key"
}

authority() { # NAME SUBJECT
	key "$1" P-256
	openssl req -config ca.conf -x509 -new -key "$1.key" -subj "$2" -days $days -out "$1.pem" \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}

# NAME KIND ISSUER SUBJECT EXTENSIONS [DIGEST]
certificate() {
	key "$1" "$2"
	printf '%b' "$5" >"$1.ext"
	openssl req -config ca.conf ${strings:+-section "$strings"} -new -key "$1.key" -subj "$4" -out "$1.csr"
	openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3.key" -days $days \
		-extfile "$1.ext" "-${6:-sha256}" -out "$1.pem" 2>/dev/null
}

sign='keyUsage=critical,digitalSignature\n'
both='keyUsage=digitalSignature,keyEncipherment\n'

authority root "/C=CH/O=Example/CN=root"
authority other "/C=CH/O=Other/CN=root"
certificate sub P-256 root "/C=CH/O=Example/CN=sub" \
	'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n'
certificate a rsa sub "/C=CH/O=Example, Ltd./CN=a" \
	"${both}subjectAltName=IP:192.0.2.1,email:a@example.test,IP:2001:db8::1,DNS:a.example.test\n"
certificate b P-256 root "/C=CH/O=Example/CN=b" "${sign}subjectAltName=DNS:b.example.test\n"
certificate c P-384 root "/C=CH/O=Example/CN=c" "${sign}subjectAltName=DNS:c.example.test\n"
certificate d P-521 root "/C=CH/O=Example/CN=d" "${sign}subjectAltName=DNS:d.example.test\n"
certificate wild P-256 root "/CN=wild" "${sign}subjectAltName=DNS:*.example.test\n"
certificate tls P-256 root "/CN=tls" \
	"${sign}extendedKeyUsage=serverAuth\nsubjectAltName=DNS:tls.example.test\n"
certificate ike P-256 root "/CN=ike" \
	"${sign}extendedKeyUsage=serverAuth,1.3.6.1.5.5.7.3.17\nsubjectAltName=DNS:ike.example.test\n"
certificate encipher rsa root "/CN=encipher" \
	'keyUsage=keyEncipherment\nsubjectAltName=DNS:encipher.example.test\n'
certificate revoked P-256 root "/CN=revoked" "${sign}subjectAltName=DNS:revoked.example.test\n"
certificate old P-256 root "/CN=old" "${sign}subjectAltName=DNS:old.example.test\n" sha1
certificate nameless P-256 root "/" "${sign}subjectAltName=critical,DNS:nameless.example.test\n"
certificate small rsa1024 root "/CN=small" "${sign}subjectAltName=DNS:small.example.test\n"
certificate edwards ed25519 root "/CN=edwards" "${sign}subjectAltName=DNS:edwards.example.test\n"
# Names as PrintableString, where other certificates have UTF8String.
strings=printable
certificate printable P-256 root "/O=Example/CN=printable" "${sign}subjectAltName=DNS:printable.example.test\n"
strings=
# Not an authority, and yet it signs.
certificate child P-256 b "/CN=child" "${sign}subjectAltName=DNS:child.example.test\n"
key self rsa
openssl req -config ca.conf -x509 -new -key self.key -subj "/CN=self" -days $days -out self.pem \
	-addext subjectAltName=DNS:self.example.test -addext keyUsage=digitalSignature,keyEncipherment

openssl ca -config ca.conf -name root -cert root.pem -keyfile root.key -revoke revoked.pem 2>/dev/null
openssl ca -config ca.conf -name root -cert root.pem -keyfile root.key -gencrl -out root.crl 2>/dev/null
openssl ca -config ca.conf -name sub -cert sub.pem -keyfile sub.key -gencrl -out sub.crl 2>/dev/null

cat a.pem sub.pem root.pem >a-chain.pem
cp b.key open.key
chmod 644 open.key
openssl pkey -in b.key -aes256 -passout pass:secret -out locked.key
chmod 600 locked.key
openssl x509 -in b.pem -outform DER -out b.der
openssl crl -in root.crl -outform DER -out root.crl.der
mkdir authorities
cp root.pem other.pem authorities/
echo "not a certificate" >authorities/README
