/* The table of all methods of authentication. */
#include "kx/auth/auth-internal.h"

static const struct auth_method *const methods[IKE_AUTHENTICATION_COUNT] = {
    [IKE_AUTHENTICATION_PSK] = &auth_psk,
    [IKE_AUTHENTICATION_RSA_SIGNATURE] = &auth_rsa_signature,
    [IKE_AUTHENTICATION_ECDSA_256] = &auth_ecdsa_256,
    [IKE_AUTHENTICATION_ECDSA_384] = &auth_ecdsa_384,
    [IKE_AUTHENTICATION_ECDSA_521] = &auth_ecdsa_521,
    [IKE_AUTHENTICATION_GSS] = &auth_gss,
    [IKE_AUTHENTICATION_ENCRYPTION] = &auth_encryption,
    [IKE_AUTHENTICATION_REVISED_ENCRYPTION] = &auth_revised_encryption,
};

const struct auth_method *auth_method_of(enum ike_authentication authentication)
{
	return methods[authentication];
}

uint16_t auth_attribute(enum ike_authentication authentication)
{
	return methods[authentication] != NULL ? methods[authentication]->attribute : 0;
}

enum ikev1_family auth_family(enum ike_authentication authentication)
{
	return methods[authentication] != NULL ? methods[authentication]->family : IKEV1_FAMILY_ANY;
}

bool auth_of_attribute(uint16_t attribute, bool gss, enum ike_authentication *out)
{
	if (attribute == IKEV1_METHOD_GSS && !gss)
		return false;
	for (int i = 0; i < IKE_AUTHENTICATION_COUNT; i++) {
		if (attribute != 0 && auth_attribute((enum ike_authentication)i) == attribute) {
			*out = (enum ike_authentication)i;
			return true;
		}
	}
	return false;
}
