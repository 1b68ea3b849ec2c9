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

# authority_issue FOLDER rsa|ecdsa NAME ADDRESS: NAME.pem and NAME.key, for NAME.example.test.
authority_issue() {
	authority_key "$2" "$1/$3.key" &&
		openssl req -new -key "$1/$3.key" -subj "/O=Test/CN=$3.example.test" -out "$1/$3.csr" &&
		openssl x509 -req -in "$1/$3.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -sha256 -days 20 \
			-extfile <(printf 'subjectAltName=DNS:%s.example.test,IP:%s\nkeyUsage=digitalSignature,keyEncipherment\n' "$3" "$4") \
			-out "$1/$3.pem"
}

# authority_give_strongswan FOLDER HOST
authority_give_strongswan() {
	local folder=$work/$2/strongswan/swanctl

	cp "$1/ca.pem" "$folder/x509ca/" && cp "$1/$2.pem" "$folder/x509/" && cp "$1/$2.key" "$folder/private/"
}
