/* A real realm for the tests of the Kerberos room, and messages as KINK lays them out. */
#include "kerberos.h"

#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"

extern char **environ;

static char folder[] = "/tmp/kinkd-krb.XXXXXX";

static int run_script(const char *command, char *const *arguments)
{
	const char *source = getenv("top_srcdir");
	char script[512];
	char *argv[12] = {script, (char *)(uintptr_t)command, folder};
	size_t count = 3;
	pid_t child;
	int status;

	(void)snprintf(script, sizeof(script), "%s/tests/realm.sh", source != NULL ? source : "..");
	while (arguments != NULL && *arguments != NULL && count < 11)
		argv[count++] = *arguments++;
	if (posix_spawn(&child, script, NULL, NULL, argv, environ) != 0 ||
	    waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

void realm_command(const char *command, ...)
{
	char *arguments[9] = {NULL};
	va_list list;

	va_start(list, command);
	for (size_t i = 0; i < 8; i++) {
		arguments[i] = va_arg(list, char *);
		if (arguments[i] == NULL)
			break;
	}
	va_end(list);
	if (run_script(command, arguments) != 0)
		fail_msg("tests/realm.sh %s failed", command);
}

const char *realm_file(const char *name)
{
	static char paths[2][256];
	static size_t turn;

	turn = (turn + 1) % 2;
	(void)snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", folder, name);
	return paths[turn];
}

/* Other realms may be NULL. */
static void create_realm(const char *second, const char *third)
{
	char *others[] = {(char *)(uintptr_t)second, (char *)(uintptr_t)third, NULL};
	int status;

	if (mkdtemp(folder) == NULL)
		exit(1);
	status = run_script("create", others);
	if (status == 77)
		(void)puts("skip: no KDC here");
	if (status != 0) {
		(void)rmdir(folder);
		exit(status);
	}
	realm_command("start", NULL);
	realm_command("keytab", realm_file("a.keytab"), PRINCIPAL_A, NULL);
	realm_command("keytab", realm_file("b.keytab"), PRINCIPAL_B, NULL);
	(void)setenv("KRB5_CONFIG", realm_file("krb5.conf"), 1);
}

void realm_setup(void)
{
	create_realm(NULL, NULL);
}

void realm_setup_chain(void)
{
	create_realm("MIDDLE.TEST", "FAR.TEST");
}

void realm_teardown(void)
{
	char command[300];

	realm_command("stop", NULL);
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	if (system(command) != 0)
		(void)puts("the realm's folder stays");
}

void host_start(struct host *host, const char *keytab, const char *principal, uint32_t skew)
{
	struct kerberos_settings settings = {
	    .keytab = realm_file(keytab), .principal = principal, .clock_skew = skew};

	host_start_with(host, &settings);
}

void host_start_with(struct host *host, const struct kerberos_settings *settings)
{
	struct problem problem = {.code = ERR_OK};

	if (kerberos_realm_create(settings, NULL, &host->realm, &problem) != ERR_OK ||
	    kerberos_worker_create(host->realm, 3, &host->worker, &problem) != ERR_OK ||
	    kerberos_fetcher_create(host->realm, &host->fetcher, &problem) != ERR_OK)
		fail_msg("%s", problem.text);
}

void host_stop(struct host *host)
{
	kerberos_fetcher_destroy(host->fetcher);
	kerberos_worker_destroy(host->worker);
	kerberos_realm_destroy(host->realm);
}

void next_second(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	/* time() follows a few milliseconds later. */
	(void)usleep((useconds_t)(1020000 - now.tv_nsec / 1000));
}

void host_run(struct host *host, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	if (kerberos_worker_needs_ticket(host->worker, request))
		kerberos_fetch(host->fetcher, request);
	kerberos_worker_run(host->worker, request, completion);
	assert_int_equal(completion->operation, request->operation);
	assert_int_equal(completion->token, request->token);
}

enum err host_request(struct host *host, const char *server, struct kerberos_completion *completion)
{
	struct kerberos_request request = {
	    .operation = KERBEROS_REQUEST, .token = 17, .server = server, .min_lifetime = 60};

	host_run(host, &request, completion);
	return completion->problem.code;
}

/* head: "KINK", the AP, and how long what is sealed will be. */
void message_make(struct host *host, uint64_t session, struct bytes ap,
    struct kerberos_lengths lengths, const char *plain, struct message *out)
{
	static const uint8_t seeds[2][13] = {"\3\1\2\3\4nonce..", "\3\5\6\7\10nonce.."};
	uint8_t head_octets[4200];
	struct writer head = writer_of(head_octets, sizeof(head_octets));
	struct kerberos_request request = {.operation = KERBEROS_PROTECT,
	    .session = session,
	    .encryption_usage = USAGE_ENCRYPTION,
	    .checksum_usage = USAGE_CHECKSUM,
	    .plain = bytes_of(plain, strlen(plain)),
	    .derivation_count = 2,
	    .derivations = {{bytes_of(seeds[0], 13), 36}, {bytes_of(seeds[1], 13), 36}}};
	struct kerberos_completion completion;

	*out = (struct message){.session = session, .ap_len = ap.len};
	assert_true(ap.len <= sizeof(out->ap));
	if (ap.len > 0)
		memcpy(out->ap, ap.data, ap.len);
	writer_put(&head, bytes_of("KINK", 4));
	writer_put(&head, bytes_of(out->ap, out->ap_len));
	out->sealed_start = head.len;
	out->sealed_len = request.plain.len > 0 ? request.plain.len + lengths.seal_overhead : 0;
	request.head = writer_bytes(&head);
	host_run(host, &request, &completion);
	assert_int_equal(completion.problem.code, ERR_OK);
	assert_int_equal(completion.message.len, (out->sealed_start + out->sealed_len + 3) / 4 * 4);
	assert_memory_equal(completion.message.data, head_octets, head.len);
	assert_int_equal(completion.checksum.len, lengths.checksum);
	assert_int_equal(completion.keymat_count, 2);
	out->signed_len = completion.message.len;
	out->checksum_len = completion.checksum.len;
	out->keymat_len = completion.keymat[0].len;
	memcpy(out->signed_part, completion.message.data, out->signed_len);
	memcpy(out->checksum, completion.checksum.data, out->checksum_len);
	for (size_t i = 0; i < 2; i++)
		memcpy(out->keymat[i], completion.keymat[i].data, completion.keymat[i].len);
}

void message_command(struct host *host, const char *plain, struct message *out)
{
	struct kerberos_completion completion;
	uint8_t ap[4096];
	size_t ap_len;

	if (host_request(host, PRINCIPAL_B, &completion) != ERR_OK)
		fail_msg("%s", completion.problem.text);
	ap_len = completion.ap.len;
	assert_true(ap_len > 0 && ap_len <= sizeof(ap));
	memcpy(ap, completion.ap.data, ap_len);
	message_make(
	    host, completion.session, bytes_of(ap, ap_len), completion.lengths, plain, out);
}

static struct kerberos_request opening(
    enum kerberos_operation operation, const struct message *message)
{
	return (struct kerberos_request){.operation = operation,
	    .encryption_usage = USAGE_ENCRYPTION,
	    .checksum_usage = USAGE_CHECKSUM,
	    .ap = bytes_of(message->ap, message->ap_len),
	    .signed_part = bytes_of(message->signed_part, message->signed_len),
	    .checksum = bytes_of(message->checksum, message->checksum_len),
	    .sealed = bytes_of(message->signed_part + message->sealed_start, message->sealed_len)};
}

enum err message_accept(
    struct host *host, const struct message *message, struct kerberos_completion *completion)
{
	struct kerberos_request request = opening(KERBEROS_ACCEPT, message);

	host_run(host, &request, completion);
	return completion->problem.code;
}

enum err message_verify(struct host *host, uint64_t session, const struct message *message,
    struct kerberos_completion *completion)
{
	struct kerberos_request request = opening(KERBEROS_VERIFY, message);

	request.session = session;
	host_run(host, &request, completion);
	return completion->problem.code;
}
