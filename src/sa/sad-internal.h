/* What the files of this room share. */
#ifndef SA_SAD_INTERNAL_H
#define SA_SAD_INTERNAL_H

#include "sa/sad.h"

struct sad {
	struct host host;
	struct timers *timers;
	struct sad_settings settings;
	struct sad_listener listener;
	struct slots pairs;
	size_t retired_count;
	uint32_t next_bundle;
	struct sa_part *by_spi_in;
	struct sa_part *by_spi_out;
	struct sa_peer *peers;
};

/* Asks for the inbound SPI of a part. */
void sad_reserve(struct sad *sad, const struct sa_part *part);
/* Takes the SAs of one direction out, or gives a reserved SPI back. */
void sad_uninstall(struct sad *sad, struct sa_pair *pair, enum ipsec_direction direction);
/* Starts the lifetimes of a pair that has just been established. */
void sad_start_lifetime(struct sad *sad, struct sa_pair *pair);
/* The soft limit in octets that the data plane watches for us; 0 for none. */
uint64_t sad_soft_bytes(struct sad *sad, const struct sa_pair *pair);
/* The same in packets, whoever began the pair. */
uint64_t sad_soft_packets(struct sad *sad, const struct sa_pair *pair);
/* A soft limit was reached, by the clock or by the data plane. */
void sad_soft_expired(struct sad *sad, struct sa_pair *pair);

#endif
