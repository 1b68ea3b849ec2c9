# shellcheck shell=bash
# A certificate authority for tests, and what its members hold. Needs $work; uses openssl alone.

# authority_create FOLDER rsa|ecdsa
authority_create() {
	mkdir -p "$1" && authority_key "$2" "$1/ca.key" &&
		openssl req -x509 -new -key "$1/ca.key" -sha256 -days 30 -subj "/O=Test/CN=Test CA" \
			-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
			-out "$1/ca.pem"
}

authority_key() {
	case $1 in
	rsa) openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$2" ;;
	ecdsa) openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$2" ;;
	esac
}

# authority_issue FOLDER rsa|ecdsa NAME ADDRESS [ISSUER]: NAME.pem and NAME.key, for NAME.example.test and
# NAME@example.test; of an intermediate authority if one is named, which follows in NAME.pem then.
authority_issue() {
	local issuer=${5:-ca}

	authority_sign "$1" "$2" "$3" "/O=Test/CN=$3.example.test" "$issuer" \
		"subjectAltName=DNS:$3.example.test,email:$3@example.test,IP:$4" \
		keyUsage=digitalSignature,keyEncipherment || return
	[ "$issuer" = ca ] || cat "$1/$issuer.pem" >>"$1/$3.pem"
}

# authority_add FOLDER rsa|ecdsa NAME: an intermediate authority, as NAME.pem and NAME.key.
authority_add() {
	authority_sign "$1" "$2" "$3" "/O=Test/CN=$3" ca \
		basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign,cRLSign
}

# authority_sign FOLDER rsa|ecdsa NAME SUBJECT ISSUER EXTENSION...
authority_sign() {
	local folder=$1 kind=$2 name=$3 subject=$4 issuer=$5

	shift 5
	authority_key "$kind" "$folder/$name.key" &&
		openssl req -new -key "$folder/$name.key" -subj "$subject" -out "$folder/$name.csr" &&
		openssl x509 -req -in "$folder/$name.csr" -CA "$folder/$issuer.pem" -CAkey "$folder/$issuer.key" \
			-sha256 -days 20 -extfile <(printf '%s\n' "$@") -out "$folder/$name.pem"
}

# authority_revoke FOLDER [NAME]: its list of revoked certificates, ca.crl, with this one on it.
authority_revoke() {
	printf '[ca]\ndefault_ca = test\n[test]\ndatabase = %s/revoked\ndefault_md = sha256\n' "$1" >"$1/ca.conf"
	printf 'crl_extensions = crl\n[crl]\nauthorityKeyIdentifier = keyid\n' >>"$1/ca.conf"
	: >"$1/revoked"
	[ -z "${2:-}" ] ||
		openssl ca -config "$1/ca.conf" -cert "$1/ca.pem" -keyfile "$1/ca.key" -revoke "$1/$2.pem" || return
	openssl ca -config "$1/ca.conf" -cert "$1/ca.pem" -keyfile "$1/ca.key" -gencrl -crldays 10 -out "$1/ca.crl"
}

# authority_give_strongswan FOLDER HOST: the root, what is the host's, and the list of revoked
# certificates if there is one. What lies between is the host's own, for it to send.
authority_give_strongswan() {
	local folder=$work/$2/strongswan/swanctl

	rm -f "$folder"/{x509,x509ca,x509crl,private}/*
	cp "$1/ca.pem" "$folder/x509ca/" && cp "$1/$2.key" "$folder/private/" || return
	openssl x509 -in "$1/$2.pem" -out "$folder/x509/$2.pem" || return
	[ ! -e "$1/above-$2.pem" ] || cp "$1/above-$2.pem" "$folder/x509ca/" || return
	[ ! -e "$1/ca.crl" ] || openssl crl -in "$1/ca.crl" -out "$folder/x509crl/ca.pem"
}
