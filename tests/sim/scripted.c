/* A host with the engine, and a peer that says what a test wants. */
#include "scripted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kx/quick/quick.h"
#include "realm.h"

static const uint8_t usual_nonce[16] = "a nonce that is";

static void sent(void *self, const struct host_datagram *datagram)
{
	const struct sim_host *host = self;
	struct scripted *scripted = (struct scripted *)host->sim;
	struct peer_message *heard = &scripted->heard[scripted->heard_count];

	if (scripted->heard_count == SCRIPTED_HEARD_MAX ||
	    datagram->data.len > sizeof(heard->octets))
		abort();
	memcpy(heard->octets, datagram->data.data, datagram->data.len);
	heard->len = datagram->data.len;
	scripted->heard_ms[scripted->heard_count++] = host->sim->now_ms;
}

struct scripted *scripted_open(struct sim_profile profile)
{
	struct scripted *self = sim_alloc(sizeof(*self));
	struct sim *sim = &self->sim;

	sim->verbose = getenv("SCRIPTED_STORY") != NULL;
	sim->counts = self->counts;
	sim->profile = profile;
	sim->profile.kind = SIM_CLEAN;
	sim->profile.host_count = 2;
	sim->profile.transport = true;
	sim->profile.lifetime = 28800;
	sim->profile.retransmit_first = 500;
	sim->profile.retransmit_limit = 4000;
	sim->profile.retransmit_tries = 5;
	sim->profile.delete_grace = 1000;
	sim->profile.max_sas = 16;
	sim->profile.max_pending = 8;
	/* The peer may use an SPI twice. */
	sim->profile.replay = 1;
	sim->profile.ticket_life = 36000;
	sim_make_world(sim, &sim_standin, 1);
	sim->faults = false;
	for (size_t i = 0; i < 2; i++)
		sim_host_crash(&sim->hosts[i]);
	sim->hosts[0].seam.send = sent;
	peer_open(&self->peer, &sim->hosts[1], &sim->hosts[0]);
	sim_host_start(&sim->hosts[0]);
	/* Who starts refuses what was sent before. */
	sim_run_until(sim, 3000);
	return self;
}

void scripted_close(struct scripted *self)
{
	struct sim *sim = &self->sim;

	sim_host_crash(&sim->hosts[0]);
	peer_close(&self->peer);
	sim_queue_clear(&sim->queue);
	for (size_t i = 0; i < 2; i++)
		policy_release(sim->hosts[i].policy);
	if (sim->failed) {
		(void)fprintf(stderr, "%s\n", sim->failure);
		abort();
	}
	free(self);
}

struct sim_host *scripted_engine(struct scripted *self)
{
	return &self->sim.hosts[0];
}

void scripted_run(struct scripted *self, uint64_t ms)
{
	sim_run_until(&self->sim, self->sim.now_ms + ms);
}

void scripted_move(struct scripted *self)
{
	struct sim_host *host = &self->sim.hosts[1];
	struct address left = host->address;

	host->address = host->other;
	host->other = left;
}

void scripted_forget(struct scripted *self)
{
	self->heard_count = 0;
}

void scripted_deliver(struct scripted *self)
{
	struct sim *sim = &self->sim;
	const struct peer_message *message = &self->peer.said;
	struct host_datagram datagram = {.port = HOST_PORT_KINK,
	    .local = {.address = sim->hosts[0].address, .port = KINK_PORT},
	    .remote = {.address = sim->hosts[1].address, .port = KINK_PORT},
	    .data = bytes_of(message->octets, message->len)};

	kx_datagram(sim->hosts[0].kx, &datagram);
	scripted_run(self, 50);
}

bool scripted_open_heard(struct scripted *self, size_t i)
{
	self->chain.count = 0;
	if (i >= self->heard_count)
		return false;
	self->peer.heard = self->heard[i];
	if (!peer_understand(&self->peer, &self->message, &self->inner))
		return false;
	for (size_t j = 0; j < self->inner.count; j++) {
		enum kink_error error;

		if (self->inner.payloads[j].type == KINK_ISAKMP && self->chain.count == 0 &&
		    kink_isakmp_decode(self->inner.payloads[j].body, &self->chain, &error) !=
			ERR_OK)
			return false;
	}
	return true;
}

uint16_t scripted_notification(const struct scripted *self, struct isakmp_notification *out)
{
	const struct isakmp_payload *payload =
	    isakmp_chain_find(&self->chain, ISAKMP_NOTIFICATION, NULL);

	return payload != NULL && isakmp_notification_decode(payload->body, out) == ERR_OK
	           ? out->type
	           : 0;
}

static void put_sa(const struct scripted_create *create, struct isakmp_writer *chain)
{
	struct isakmp_sa_writer sa = isakmp_sa_begin(chain, IPSEC_DOI, SIT_IDENTITY_ONLY);
	uint8_t first = create->transform_number != 0 ? create->transform_number : 1;
	uint8_t spi[4];

	isakmp_spi_encode(create->spi, spi);
	isakmp_sa_proposal(&sa, 1, PROTO_IPSEC_ESP, bytes_of(spi, sizeof(spi)));
	for (size_t i = 0; i < 4 && create->key_bits[i] != 0; i++) {
		struct ipsec_attributes attributes = {.life_seconds = create->life_seconds,
		    .life_kilobytes = create->life_kilobytes,
		    .group = create->group,
		    .encapsulation = create->encapsulation != 0 ? create->encapsulation
		                                                : ENCAPSULATION_TRANSPORT,
		    .key_length = create->key_bits[i]};

		if (create->cbc)
			attributes.authentication = AUTH_HMAC_SHA;
		isakmp_sa_transform(
		    &sa, (uint8_t)(first + i), create->cbc ? ESP_AES_CBC : ESP_AES_GCM_16);
		ipsec_attributes_put(chain->out, &attributes);
	}
	isakmp_sa_end(&sa);
}

struct bytes scripted_put_create(const struct scripted_create *create, struct writer *out)
{
	struct kink_writer plain = kink_begin_plain(out);
	struct isakmp_writer chain = kink_isakmp_begin(&plain);
	size_t version = out->len - 3;
	struct bytes none = {0};

	put_sa(create, &chain);
	if (!create->no_nonce)
		isakmp_put(&chain, ISAKMP_NONCE,
		    create->nonce.len > 0 ? create->nonce
					  : bytes_of(usual_nonce, sizeof(usual_nonce)));
	if (create->key_exchange.len > 0)
		isakmp_put(&chain, ISAKMP_KE, create->key_exchange);
	if (create->notification != 0)
		quick_put_notification(
		    &chain, (enum notify_type)create->notification, IPSEC_ESP, 0, none);
	if (create->other_payload != 0)
		isakmp_put(&chain, create->other_payload, bytes_of("what", 4));
	kink_isakmp_end(&plain);
	if (create->version != 0)
		writer_patch_u8(out, version, create->version);
	return writer_bytes(out);
}

struct bytes scripted_put_delete(uint32_t spi, struct writer *out)
{
	struct kink_writer plain = kink_begin_plain(out);
	struct isakmp_writer chain = kink_isakmp_begin(&plain);

	quick_put_delete(&chain, IPSEC_ESP, &spi, 1);
	kink_isakmp_end(&plain);
	return writer_bytes(out);
}

struct bytes scripted_put_notification(uint16_t type, struct bytes data, struct writer *out)
{
	struct kink_writer plain = kink_begin_plain(out);
	struct isakmp_writer chain = kink_isakmp_begin(&plain);

	quick_put_notification(&chain, (enum notify_type)type, IPSEC_ESP, 0, data);
	kink_isakmp_end(&plain);
	return writer_bytes(out);
}

uint32_t scripted_spi(const struct scripted *self, struct isakmp_sa *sa)
{
	const struct isakmp_payload *payload = isakmp_chain_find(&self->chain, ISAKMP_SA, NULL);
	uint32_t spi;

	return payload != NULL && isakmp_sa_decode(payload->body, sa) == ERR_OK &&
	               sa->proposal_count == 1 &&
	               isakmp_spi_decode(sa->proposals[0].spi, &spi) == ERR_OK
	           ? spi
	           : 0;
}

const struct dataplane_sa *scripted_sa(
    struct scripted *self, uint32_t spi, enum ipsec_direction direction)
{
	const struct sim_host *host = &self->sim.hosts[direction == IPSEC_IN ? 0 : 1];
	const struct dataplane_sa *sa = record_find_sa(
	    sim_plane_record(self->sim.hosts[0].plane), spi, IPSEC_ESP, &host->address);

	return sa != NULL && sa->direction == direction ? sa : NULL;
}
