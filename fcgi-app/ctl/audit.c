/* `audit verify`: reads the whole audit trail and says whether it is as it was written. */
#include "base/json_write.h"
#include "ctl/program.h"
#include "domain/audit_chain.h"

#define LINE_BYTES_MAX 4096
#define VERIFY_MS (12LL * 60 * 60 * 1000) /* a trail of any length; who waits can stop it */

struct options {
    bool json;
    struct dm_audit_head known;
};

static int usage(void)
{
    fputs(
        "usage: digitalmectl audit verify [--json] [--head SEQ:HASH]\n"
        "  --json           print one JSON document\n"
        "  --head SEQ:HASH  an \"audit head\" from the worker's log, which must be in the trail\n",
        stderr);
    return 2;
}

static bool take_head(const char *text, struct dm_audit_head *ret_head)
{
    struct dm_str hash = dm_str_from(text), seq;
    if (!dm_str_next(&hash, ':', &seq) || hash.n != DM_SHA256_HEX - 1 ||
        !dm_str_to_int(seq, 1, INT64_MAX, &ret_head->seq))
        return false;
    snprintf(ret_head->hash, sizeof(ret_head->hash), "%.*s", DM_STR_ARG(hash));
    return true;
}

static bool take_options(int argc, char **argv, struct options *ret_options)
{
    for (int i = 0; i < argc; i++) {
        struct dm_str word = dm_str_from(argv[i]);
        if (dm_str_eq_c(word, "--json"))
            ret_options->json = true;
        else if (!dm_str_eq_c(word, "--head") || i + 1 == argc ||
                 !take_head(argv[++i], &ret_options->known))
            return false;
    }
    return true;
}

static void print_fault(void *arg, const struct dm_audit_fault *fault)
{
    (void)arg;
    printf("%-9s seq %lld", fault->kind, (long long)fault->seq);
    if (fault->event_id.p != NULL)
        printf("  event %.*s", DM_STR_ARG(fault->event_id));
    printf("  %s\n", fault->text);
}

/* A document that is printed while it is made, so that no number of faults takes memory. */
struct json {
    struct dm_buf buf;
    struct dm_json_writer w;
};

static void json_flush(struct json *json)
{
    fwrite(json->buf.p, 1, json->buf.n, stdout);
    dm_buf_reset(&json->buf);
}

static void json_fault(void *arg, const struct dm_audit_fault *fault)
{
    struct json *json = arg;
    dm_json_object_begin(&json->w);
    dm_json_name(&json->w, "kind");
    dm_json_string(&json->w, dm_str_from(fault->kind));
    dm_json_name(&json->w, "seq");
    dm_json_int(&json->w, fault->seq);
    dm_json_name(&json->w, "eventId");
    dm_json_string(&json->w, fault->event_id);
    dm_json_name(&json->w, "text");
    dm_json_string(&json->w, dm_str_from(fault->text));
    dm_json_object_end(&json->w);
    json_flush(json);
}

static void json_begin(struct json *json)
{
    dm_buf_init(&json->buf, NULL, LINE_BYTES_MAX);
    dm_json_writer_init(&json->w, &json->buf);
    dm_json_object_begin(&json->w);
    dm_json_name(&json->w, "faults");
    dm_json_array_begin(&json->w);
}

static void json_end(struct json *json, const struct dm_audit_verdict *verdict)
{
    dm_json_array_end(&json->w);
    dm_json_name(&json->w, "good");
    dm_json_bool(&json->w, verdict->n_faults == 0);
    dm_json_name(&json->w, "checked");
    dm_json_int(&json->w, verdict->n_checked);
    dm_json_name(&json->w, "anchorSeq");
    dm_json_int(&json->w, verdict->anchor_seq);
    dm_json_name(&json->w, "headSeq");
    dm_json_int(&json->w, verdict->head.seq);
    dm_json_name(&json->w, "headHash");
    dm_json_string(&json->w, dm_str_from(verdict->head.hash));
    dm_json_object_end(&json->w);
    json_flush(json);
    putchar('\n');
}

static void print_verdict(const struct dm_audit_verdict *verdict)
{
    printf("%lld events checked, %lld removed by retention before them; head %lld:%s\n",
           (long long)verdict->n_checked, (long long)verdict->anchor_seq,
           (long long)verdict->head.seq, verdict->head.hash);
    if (verdict->n_faults == 0)
        puts("the audit trail is as it was written");
    else
        printf("%lld faults: the audit trail is not as it was written\n",
               (long long)verdict->n_faults);
}

static int verify(const struct dm_domain *domain, struct dm_ctx *ctx, const struct options *options)
{
    struct json json;
    struct dm_audit_verdict verdict;
    struct dm_audit_verification how = {.known = options->known, .fault = print_fault};
    if (options->json) {
        json_begin(&json);
        how.fault = json_fault;
        how.arg = &json;
    }
    enum dm_result result = dm_audit_verify(domain, ctx, &how, &verdict);
    if (result == DM_OK && options->json)
        json_end(&json, &verdict);
    else if (result == DM_OK)
        print_verdict(&verdict);
    if (options->json)
        dm_buf_done(&json.buf);
    if (result != DM_OK)
        return dm_ctl_fail(ctx->err.detail);
    return fflush(stdout) == 0 && verdict.n_faults == 0 ? 0 : 1;
}

int dm_ctl_audit_verify(const struct dm_ctl_options *options, int argc, char **argv)
{
    struct options how = {0};
    if (!take_options(argc, argv, &how))
        return usage();
    struct dm_ctl_program program;
    int status = dm_ctl_program_open(options, VERIFY_MS, &program);
    if (status == 0)
        status = verify(&program.domain, &program.ctx, &how);
    dm_ctl_program_close(&program);
    return status;
}
