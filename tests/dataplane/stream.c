/*
 * Moves a file over TCP, for tests that compare what came out with what went in:
 *
 *     stream receive PORT > file
 *     stream send ADDRESS PORT < file
 *
 * And numbered datagrams over UDP, to count what a path loses, repeats and reorders: one each so
 * many microseconds, COUNT of them. Who counts them ends when it has them all or nothing has come
 * for so many seconds, and prints the counts; its exit status is 0 if none is missing.
 *
 *     stream count PORT COUNT SECONDS
 *     stream number ADDRESS PORT COUNT MICROSECONDS
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/address.h"

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void copy(int from, int to)
{
	static char buffer[65536];
	ssize_t got;

	while ((got = read(from, buffer, sizeof(buffer))) > 0) {
		for (ssize_t done = 0; done < got;) {
			ssize_t put = write(to, buffer + done, (size_t)(got - done));

			if (put < 0)
				fail("write");
			done += put;
		}
	}
	if (got < 0)
		fail("read");
}

static socklen_t to_sockaddr(const char *address, const char *port, struct sockaddr_storage *out)
{
	struct endpoint endpoint = {.port = (uint16_t)strtoul(port, NULL, 10)};

	if (address_parse(address, &endpoint.address) != ERR_OK)
		fail(address);
	return endpoint_to_sockaddr(&endpoint, out);
}

static void receive(const char *port)
{
	struct sockaddr_storage any;
	socklen_t len = to_sockaddr("::", port, &any);
	int one = 1;
	int listener = socket(AF_INET6, SOCK_STREAM, 0);
	int connection;

	if (listener < 0 ||
	    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(listener, (const struct sockaddr *)&any, len) != 0 || listen(listener, 1) != 0)
		fail("listen");
	connection = accept(listener, NULL, NULL);
	if (connection < 0)
		fail("accept");
	copy(connection, STDOUT_FILENO);
}

static void transmit(const char *address, const char *port)
{
	struct sockaddr_storage to;
	socklen_t len = to_sockaddr(address, port, &to);
	int fd = socket(to.ss_family, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, len) != 0)
		fail("connect");
	copy(STDIN_FILENO, fd);
}

/* Of each datagram, as of a call's: 20 ms of speech. */
#define DATAGRAM_SIZE 160

static int count_datagrams(const char *port, uint64_t count, long seconds)
{
	struct sockaddr_storage any;
	socklen_t len = to_sockaddr("::", port, &any);
	const struct timeval patience = {.tv_sec = seconds};
	const int room = 4 << 20;
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	unsigned char *seen = calloc(count, 1);
	uint64_t received = 0;
	uint64_t repeated = 0;
	uint64_t late = 0;
	uint64_t highest = 0;

	if (fd < 0 || seen == NULL ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0 ||
	    bind(fd, (const struct sockaddr *)&any, len) != 0)
		fail("receive");
	while (received < count) {
		uint64_t number = 0;
		char datagram[DATAGRAM_SIZE];
		ssize_t got = recv(fd, datagram, sizeof(datagram), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		memcpy(&number, datagram, sizeof(number));
		if (got != DATAGRAM_SIZE || number >= count)
			continue;
		if (seen[number]++ != 0) {
			repeated++;
			continue;
		}
		received++;
		if (number < highest)
			late++;
		else
			highest = number;
	}
	printf("received %" PRIu64 " missing %" PRIu64 " repeated %" PRIu64 " late %" PRIu64 "\n",
	    received, count - received, repeated, late);
	for (uint64_t number = 0; received < count && number < count; number++)
		if (seen[number] == 0)
			printf("missing: %" PRIu64 "\n", number);
	free(seen);
	return received == count ? 0 : 1;
}

static int send_datagrams(const char *address, const char *port, uint64_t count, long interval)
{
	struct sockaddr_storage to;
	socklen_t len = to_sockaddr(address, port, &to);
	char datagram[DATAGRAM_SIZE] = {0};
	int fd = socket(to.ss_family, SOCK_DGRAM, 0);
	struct timespec next;
	uint64_t refused = 0;

	if (fd < 0 || clock_gettime(CLOCK_MONOTONIC, &next) != 0)
		fail("send");
	for (uint64_t number = 0; number < count; number++) {
		memcpy(datagram, &number, sizeof(number));
		if (sendto(fd, datagram, sizeof(datagram), 0, (const struct sockaddr *)&to, len) <
		    0)
			refused++;
		next.tv_nsec += interval * 1000;
		next.tv_sec += next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	printf("sent %" PRIu64 " refused %" PRIu64 "\n", count, refused);
	return refused == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "receive") == 0)
		receive(argv[2]);
	else if (argc == 4 && strcmp(argv[1], "send") == 0)
		transmit(argv[2], argv[3]);
	else if (argc == 5 && strcmp(argv[1], "count") == 0)
		return count_datagrams(
		    argv[2], strtoull(argv[3], NULL, 10), strtol(argv[4], NULL, 10));
	else if (argc == 6 && strcmp(argv[1], "number") == 0)
		return send_datagrams(
		    argv[2], argv[3], strtoull(argv[4], NULL, 10), strtol(argv[5], NULL, 10));
	else
		return 2;
	return 0;
}
