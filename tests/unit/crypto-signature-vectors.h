/*
 * Known answers of signatures and public-key encryption: RFC 4754 8; and an RSA key with what the
 * openssl command made with it.
 */
#ifndef UNIT_CRYPTO_SIGNATURE_VECTORS_H
#define UNIT_CRYPTO_SIGNATURE_VECTORS_H

#include "kinkd/credentials.h"

/* w, gwx | gwy, the hash of "abc", r and s. */
static const struct {
	enum credentials_scheme scheme;
	const char *private_value, *public_value, *hash, *r, *s;
} ecdsa_vectors[] = {
    {CREDENTIALS_ECDSA_256, "dc51d3866a15bacde33d96f992fca99da7e6ef0934e7097559c27f1614c88a7f",
	"2442a5cc0ecd015fa3ca31dc8e2bbc70bf42d60cbca20085e0822cb04235e9706fc98bd7"
	"e50211a4a27102fa3549df79ebcb4bf246b80945cddfe7d509bbfd7d",
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	"cb28e0999b9c7715fd0a80d8e47a77079716cbbf917dd72e97566ea1c066957c",
	"86fa3bb4e26cad5bf90b7f81899256ce7594bb1ea0c89212748bff3b3d5b0315"},
    {CREDENTIALS_ECDSA_384,
	"0beb646634ba87735d77ae4809a0ebea865535de4c1e1dcb692e84708e81a5af62e528c3"
	"8b2a81b35309668d73524d9f",
	"96281bf8dd5e0525ca049c048d345d3082968d10fedf5c5aca0c64e6465a97ea5ce10c9d"
	"fec21797415710721f437922447688ba94708eb6e2e4d59f6ab6d7edff9301d249fe49c3"
	"3096655f5d502fad3d383b91c5e7edaa2b714cc99d5743ca",
	"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072b"
	"a1e7cc2358baeca134c825a7",
	"fb017b914e29149432d8bac29a514640b46f53ddab2c69948084e2930f1c8f7e08e07c9c"
	"63f2d21a07dcb56a6af56eb3",
	"b263a1305e057f984d38726a1b46874109f417bca112674c528262a40a629af1cbb9f516"
	"ce0fa7d2ff630863a00e8b9f"},
    {CREDENTIALS_ECDSA_521,
	"0065fda3409451dcab0a0ead45495112a3d813c17bfd34bdf8c1209d7df5849120597779"
	"060a7ff9d704adf78b570ffad6f062e95c7e0c5d5481c5b153b48b375fa1",
	"0151518f1af0f563517edd5485190df95a4bf57b5cba4cf2a9a3f6474725a35f7afe0a6d"
	"deb8bedbcd6a197e592d40188901cecd650699c9b5e456aea5add19052a8006f3b142ea1"
	"bfff7e2837ad44c9e4ff6d2d34c73184bbad90026dd5e6e85317d9df45cad7803c6c2003"
	"5b2f3ff63aff4e1ba64d1c077577da3f4286c58f0aeae643",
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a"
	"274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	"0154fd3836af92d0dca57dd5341d3053988534fde8318fc6aaaab68e2e6f4339b19f2f28"
	"1a7e0b22c269d93cf8794a9278880ed7dbb8d9362caeacee544320552251",
	"017705a7030290d1ceb605a9a1bb03ff9cdd521e87a696ec926c8c10c8362df497536710"
	"1f67d1cf9bccbf2f3d239534fa509e70aac851ae01aac68d62f866472660"},
};

/* openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 */
static const char rsa_key[] = "-----BEGIN PRIVATE KEY-----\n"
			      "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCYFNXNiH7qlsNH\n"
			      "oXCUG2OH+I/fRMRU2Df7Uib288GrXQLMnLFPbshl0KExVvqOUbSfb2a80AgbenHS\n"
			      "cYC9di0RHXGmBZOvVqY0C4Gz0C3Nx3VyFaSmP76Q410Wp8Hz/5EEG2HFr7Gk7NXz\n"
			      "886K8UFEEmGBViETlSWYM076YbnRZyFqkubPj6guXsp/ScouNLDCBA8mpZV2T06t\n"
			      "qHVrO4G0y06hTahJO3LiQhCMeubNfKCPTkm2yg38Qx/1tuUT0Zo7DVKeeztJhfSS\n"
			      "N77gnySgU6eTtEE9ZB+63knzuLbr9mm5Co+5RmT/hsp3Dm8ubT8CoV3PlH84AESg\n"
			      "VwYEsYhJAgMBAAECggEAEs5mxwEVUrycfufhlEsTwo1z+yPVlHldaNx2mYy4mxCI\n"
			      "J1XMHlrAeMi1GjUbjExhxeKAhaJDEmTQnPmwth0eQxLNSj6/zcutB1wR6LK6a0s6\n"
			      "RIaVIwLYdbHMAeByXVIx9FxPeaL5mH+6EG4KkUd2ruyH9ra4JeQIb1sO7er2T8Tc\n"
			      "ZnxCmnB+AiKAWfjmUKDOXA8t8MAcMBl/lydA3GkRbAn2dHEe3nMzfdvlDJDO+bJr\n"
			      "0RIL30YenkQyPZuDGm2QI9vHhaufeO1oS33eOj+Qfl9XVvCM4f0maGOf1LIhJ1rG\n"
			      "RUZBcQ08KilgM0XYcPjxsfj6jVuaXPNE/RyQMUt6QQKBgQDS1Rd8tXNAWQ/Y2Rke\n"
			      "Giw9D7QWMXhQ4TmuC16Sarb4P/kG+f9tyw/YD0BQCSiLQ/XSm5mK9TDAUtYD4nHt\n"
			      "7C/7AxB6QI0uOO3Vy2AhKbjcvRgz8mot7cSPjKu7cYlV1wePfIxMOOKUQV7bIpPJ\n"
			      "UVGsOOHcCbAamTRH5cwODXZaqQKBgQC4qZlLVCC8H24fQXZzH6FI5AHu9lQFV/6e\n"
			      "A+TJp7ONuawAvZzLcxqy7qJr1W6o0Wa54LnLDsT8T0FT9hbtON+SjeMKj/ohCvms\n"
			      "gk5fna7LzXkbAACtdgSWB+1a/FaqAwxiNvrvpf2CeFgst6ApBDW3IhRWMbLGy5W+\n"
			      "eMYz9uTkoQKBgD+wq/W6guSPgyAJBXN4iKCxm7+Qlj4oq9oOCTXGExwPh1U6NJWg\n"
			      "YFru0IjdG2hm0V4cL1gxFdcjrw9hWvV7Akub82BbG8s423BYjeO2zOeyIBuhQb46\n"
			      "M8UBw+dONyS9XsVT5LYqARi0XsloOqj4benPDTwBmTePzKFjpC8ilfxxAoGACzs1\n"
			      "eaFqREbdGcWPgL0BwD8t5uzQe2q4r7+o4KL0hsAuN/VQXgdoLk3ZTxmyG05xIwkK\n"
			      "A9GoJXhkjsi+6Dq3TmCW2IOdQPk76kQapDIg+YBLx1qer+4npUBiLVB/rON2k1qo\n"
			      "tH6yBodvRXj9osEAy1ylRADN0M19FBKga3Suw0ECgYEAwTlSmPIaZ5v3KcDoSahg\n"
			      "8F4Wv2urAovN7weyETwEBlPsl4k4rIbaPjlt5tGBIAi4yrgixC4eh6htZYXlb2Nt\n"
			      "vYpFSqGkzsZrJKPoXIbQrl6euOXEtNeS3EVi4oqKq74jD8voKEDJwjT+DcOH4+4D\n"
			      "bbozWOIYXWaSp5gZLywDwyo=\n"
			      "-----END PRIVATE KEY-----\n";

/* openssl pkeyutl -sign -pkeyopt rsa_padding_mode:pkcs1, of the SHA-1 hash of "abc" */
static const char rsa_hash[] = "a9993e364706816aba3e25717850c26c9cd0d89d";
static const char rsa_signature[] =
    "6a402d227c1c094109664dd1bb09456ffb88be4c5067f39bf1a296202834871ab28e2414f3ce06d1"
    "cf1897e4926889e96d3226cce6667351ef84cf6b09877f28d6611f045584f358bd9c12984ec1593f"
    "246f43916d935f862978fc2aa3814b568d025fdab7d93b3e6308698ee89deed24d451d6d7de5ff64"
    "e5b1bb93515a0e1c9ae9af38ded20d722d99dc62eaec77a045b945236dbf1007508eb90253e91b10"
    "a0b3a85f3ff1e622d7573f30b654e13028d5a8ee0a4e7c508061a15801558faf79ef465546484757"
    "23ddd4a7e1eaf1048db36fd65eaf33ad182d85213503530767417aa700cc843cae79b6e8e9dcfbcd"
    "9c2d5aa4124af15337cd0de487af52ef";

/* openssl pkeyutl -encrypt */
static const char rsa_plain[] = "a nonce of twenty-six octets";
static const char rsa_sealed[] =
    "85efa1d0682ce287fcc1e002b526126dbe50ac09020319d414d59881e16be91b20dc9d39de1d62d4"
    "0906be210e066db89c3d36874e61594e6d80d22e2a095e08fb21f719e585dda634d62f212ae70282"
    "3502ef8c3b71e83fc0921212b198e99973333fc72d62f2aba29ab10e925287d5bfdc67c018f9d4b7"
    "42aa1f2fbcea856ee0d0b116e5b1ab80ad2cb2e429587007d46e15b58d0954700bb0dcf9569f108b"
    "7ca5ff7f9fa97f69701e13ffa3bfbe07f557965c0aa5cbbb6c7dacfa909810264b9b9cbb39398c2a"
    "ca7bb12675660651d70ebebead4e8806665abf3362556aa878657aef98ba3b713db30743aae0df98"
    "e1298600e4a77763c097a0d189ae3da9";

#endif
