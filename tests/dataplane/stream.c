/*
 * Moves a file over TCP, for tests that compare what came out with what went in:
 *
 *     stream receive PORT > file
 *     stream send ADDRESS PORT < file
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "receive") == 0)
		receive(argv[2]);
	else if (argc == 4 && strcmp(argv[1], "send") == 0)
		transmit(argv[2], argv[3]);
	else
		return 2;
	return 0;
}
