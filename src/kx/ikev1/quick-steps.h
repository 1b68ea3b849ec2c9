/* What the steps of Quick Mode's two roles share. */
#ifndef KX_IKEV1_QUICK_STEPS_H
#define KX_IKEV1_QUICK_STEPS_H

#include "kx/ikev1/phase2.h"

/* Ends it: what was to be done here cannot be. Returns IKEV1_OVER. */
enum ikev1_outcome ikev1_quick_give_up(struct ikev1_quick *quick, enum err code, const char *what);
/* A copy of octets in *out. */
enum err ikev1_quick_keep(struct bytes octets, struct bytes *out) MUST_CHECK;
/* Names it as the owner of its pair and of what it asks of the host. */
uint64_t ikev1_quick_token(const struct ikev1_quick *quick);
/* A step of the key exchange, done by the host. */
enum ikev1_outcome ikev1_quick_agree(
    struct ikev1_quick *quick, const struct agreement_request *request);

void ikev1_quick_begin_message(struct ikev1_quick *quick, struct ikev1_message_writer *message);
enum ikev1_outcome ikev1_quick_send_message(
    struct ikev1_quick *quick, struct ikev1_message_writer *message, bool repeat);
/* RFC 3947 5.2: in transport mode both ends tell the addresses that a NAT hides. */
void ikev1_quick_put_addresses(const struct ikev1_quick *quick, struct isakmp_writer *chain);

/* The pair goes through UDP where the exchange came to that. */
void ikev1_quick_encapsulate(struct ikev1_quick *quick);
/* Steps. */
enum ikev1_outcome ikev1_quick_install_inbound(void *exchange);
enum ikev1_outcome ikev1_quick_install_outbound(void *exchange);
/* Before the row that awaits CONNECTED: without the commit bit nothing is awaited. */
enum ikev1_outcome ikev1_quick_expect_connected(void *exchange);
/* The pair is in use from here on. */
struct sa_pair *ikev1_quick_establish(struct ikev1_quick *quick);

#endif
