/*
 * What is hashed: "seal", the hash of the seal before, the number, and each column of the event with its length before it, so that no two
 * events are the same bytes. HMAC-SHA-384 cut to 256 bits, under a key of its own. The chain's two ends carry a mac of the same kind,
 * because whoever cuts the chain off knows the hash that it then ends with.
 */
#include "domain/audit_chain.h"

#include "store/audit_chain_store.h"
#include "store/audit_store.h"

#define PAGE_ROWS 1000
#define STRAYS_MAX 1000 /* that are told one by one */
#define PAGE_BYTES_MAX (64 << 20)
#define TEXT_BYTES_MAX (128 * 1024) /* of an event; the schema keeps it well below */

struct chain {
    uint8_t key[DM_DERIVED_BYTES];
    struct dm_buf text; /* of one event: used again for each */
    struct dm_audit_head at;
};

static void chain_init(struct chain *chain, const struct dm_domain *domain)
{
    *chain = (struct chain){.at = {0}};
    dm_secret_derive(domain->settings->password_pepper, "audit chain", chain->key);
    dm_buf_init(&chain->text, NULL, TEXT_BYTES_MAX);
}

static void chain_done(struct chain *chain)
{
    dm_secret_wipe(chain->key, sizeof(chain->key));
    dm_buf_done(&chain->text);
}

/* Whatever comes from the database here is 64 characters by its constraint. */
static void head_set(struct dm_audit_head *head, int64_t seq, struct dm_str hash)
{
    head->seq = seq;
    snprintf(head->hash, sizeof(head->hash), "%.*s", DM_STR_ARG(hash));
}

static void mac_of(const struct chain *chain, char ret_hex[DM_SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    const struct dm_secret key = {(const char *)chain->key, sizeof(chain->key)};
    uint8_t mac[DM_SHA384_BYTES];
    dm_secret_hmac_sha384(key, dm_buf_str(&chain->text), mac);
    for (size_t i = 0; i < DM_SHA256_BYTES; i++) {
        ret_hex[2 * i] = digits[mac[i] >> 4];
        ret_hex[2 * i + 1] = digits[mac[i] & 15];
    }
    ret_hex[DM_SHA256_HEX - 1] = '\0';
}

static void text_begin(struct chain *chain, const char *what, const struct dm_audit_head *at)
{
    dm_buf_reset(&chain->text);
    dm_buf_printf(&chain->text, "%s %s %lld", what, at->hash, (long long)at->seq);
}

/* The mac of one of the chain's ends. False when out of memory. */
static bool end_mac(struct chain *chain, const char *which, const struct dm_audit_head *end,
                    char ret_hex[DM_SHA256_HEX])
{
    text_begin(chain, which, end);
    mac_of(chain, ret_hex);
    return !dm_buf_failed(&chain->text);
}

/* The hash of an event that follows chain->at. False when out of memory. */
static bool seal_hash(struct chain *chain, const struct dm_audit_row *row,
                      char ret_hex[DM_SHA256_HEX])
{
    text_begin(chain, "seal", &chain->at);
    for (size_t i = 0; i < DM_AUDIT_CELLS; i++) {
        struct dm_str cell = row->cells[i];
        if (cell.p != NULL)
            dm_buf_printf(&chain->text, " %zu:", cell.n);
        else
            dm_buf_add_c(&chain->text, " -");
        dm_buf_add(&chain->text, cell);
    }
    mac_of(chain, ret_hex);
    return !dm_buf_failed(&chain->text);
}

/* Is one of the chain's ends where we left it? An empty chain's are not signed. */
static enum dm_result check_mac(struct chain *chain, struct dm_ctx *ctx, const char *which,
                                const struct dm_audit_head *end, struct dm_str stored_mac,
                                bool *ret_good)
{
    char mac[DM_SHA256_HEX];
    if (!end_mac(chain, which, end, mac))
        return dm_ctx_nomem(ctx);
    *ret_good = end->seq == 0 || dm_str_eq_c(stored_mac, mac);
    return DM_OK;
}

/* Sealing */

static void add_item(struct dm_buf *array, size_t i, struct dm_str item)
{
    dm_buf_add_c(array, i == 0 ? "{" : ",");
    dm_buf_add(array, item);
}

static enum dm_result seal_rows(struct chain *chain, struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                const struct dm_list *waiting)
{
    const struct dm_audit_row *rows = waiting->items;
    const struct dm_audit_row *last = &rows[waiting->n - 1];
    struct dm_buf ids, hashes;
    dm_buf_init(&ids, ctx->arena, DM_AUDIT_SEAL_ROWS * DM_SHA256_HEX + 2);
    dm_buf_init(&hashes, ctx->arena, DM_AUDIT_SEAL_ROWS * DM_SHA256_HEX + 2);
    struct dm_audit_sealing sealing = {.first_seq = chain->at.seq + 1};
    for (const struct dm_audit_row *row = rows; row <= last; row++) {
        char hash[DM_SHA256_HEX];
        if (!seal_hash(chain, row, hash))
            return dm_ctx_nomem(ctx);
        add_item(&ids, (size_t)(row - rows), row->event_id);
        add_item(&hashes, (size_t)(row - rows), dm_str_from(hash));
        head_set(&chain->at, chain->at.seq + 1, dm_str_from(hash));
    }
    dm_buf_add_char(&ids, '}');
    dm_buf_add_char(&hashes, '}');
    char mac[DM_SHA256_HEX];
    if (!end_mac(chain, "head", &chain->at, mac) || dm_buf_failed(&ids) || dm_buf_failed(&hashes))
        return dm_ctx_nomem(ctx);
    sealing.event_ids = dm_buf_str(&ids);
    sealing.hashes = dm_buf_str(&hashes);
    sealing.head_mac = dm_str_from(mac);
    return dm_audit_chain_store_seal(conn, ctx, &sealing);
}

/*
 * Somebody has put the end of the chain elsewhere: cut it off, most likely. Sealing on would give the new end our mac, so the trail itself must
 * say from now on what was found here.
 */
static enum dm_result testify(struct chain *chain, struct dm_pg_conn *conn, struct dm_ctx *ctx)
{
    struct dm_audit_event event = {.action = DM_AUDIT_BROKEN, .entity = "audit"};
    event.detail = dm_arena_printf(ctx->arena, "{\"seq\": %lld}", (long long)chain->at.seq);
    return event.detail.p == NULL ? dm_ctx_nomem(ctx) : dm_audit_store_add(conn, ctx, &event);
}

static enum dm_result seal_in(struct chain *chain, struct dm_pg_conn *conn, struct dm_ctx *ctx,
                              bool *ret_mine, int64_t *ret_sealed)
{
    struct dm_audit_chain stored;
    struct dm_list waiting = {0};
    enum dm_result result = dm_audit_chain_store_take(conn, ctx, ret_mine);
    if (result != DM_OK || !*ret_mine)
        return result;
    result = dm_audit_chain_store_read(conn, ctx, &stored);
    if (result != DM_OK)
        return result;
    bool ours = false;
    head_set(&chain->at, stored.head_seq, stored.head_hash);
    result = check_mac(chain, ctx, "head", &chain->at, stored.head_mac, &ours);
    if (result == DM_OK && !ours)
        result = testify(chain, conn, ctx);
    if (result == DM_OK)
        result = dm_audit_chain_store_waiting(conn, ctx, DM_AUDIT_SEAL_ROWS, &waiting);
    if (result != DM_OK)
        return result;
    *ret_sealed = (int64_t)waiting.n;
    return waiting.n > 0 ? seal_rows(chain, conn, ctx, &waiting) : DM_OK;
}

enum dm_result dm_audit_seal(const struct dm_domain *domain, struct dm_ctx *ctx,
                             int64_t *ret_sealed, struct dm_audit_head *ret_head)
{
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    struct chain chain;
    bool mine = false;
    int64_t sealed = 0;
    chain_init(&chain, domain);
    result = dm_pg_end(conn, ctx, seal_in(&chain, conn, ctx, &mine, &sealed));
    chain_done(&chain);
    if (result != DM_OK)
        return result;
    *ret_sealed = sealed;
    if (mine)
        *ret_head = chain.at;
    return DM_OK;
}

/* Verifying */

/* How the next seal stands to the chain before it, which then goes on from it. */
enum standing { GOOD = 1, CHANGED, GONE };

static bool follow(struct chain *chain, const struct dm_audit_row *row, enum standing *ret_standing)
{
    char hash[DM_SHA256_HEX];
    bool whole = !row->present || seal_hash(chain, row, hash);
    if (!row->present)
        *ret_standing = GONE;
    else
        *ret_standing = whole && dm_str_eq_c(row->hash, hash) ? GOOD : CHANGED;
    head_set(&chain->at, row->seq, row->hash);
    return whole;
}

struct check {
    struct chain chain;
    const struct dm_audit_verification *how;
    struct dm_audit_chain stored;
    struct dm_audit_verdict verdict;
};

static void tell(struct check *check, struct dm_audit_fault fault)
{
    check->verdict.n_faults++;
    if (check->how->fault != NULL)
        check->how->fault(check->how->arg, &fault);
}

/* The number after chain->at is not there: the chain goes on at seq, and what the seals between said is not known. */
static void tell_gap(struct check *check, int64_t seq)
{
    char text[128];
    int64_t first = check->chain.at.seq + 1, last = seq - 1;
    if (first == last)
        snprintf(text, sizeof(text), "seal %lld is missing", (long long)first);
    else
        snprintf(text, sizeof(text), "seals %lld to %lld are missing", (long long)first,
                 (long long)last);
    tell(check, (struct dm_audit_fault){.seq = first, .kind = "missing", .text = text});
}

static enum dm_result check_row(struct check *check, struct dm_ctx *ctx,
                                const struct dm_audit_row *row)
{
    struct chain *chain = &check->chain;
    const struct dm_audit_head *known = &check->how->known;
    bool gap = row->seq != chain->at.seq + 1;
    if (gap)
        tell_gap(check, row->seq);
    enum standing standing;
    if (!follow(chain, row, &standing))
        return dm_ctx_nomem(ctx);
    check->verdict.n_checked++;
    if (row->seq > check->stored.head_seq)
        tell(check, (struct dm_audit_fault){row->seq, row->event_id, "inserted",
                                            "the seal lies beyond the chain's head"});
    else if (standing == GONE)
        tell(check, (struct dm_audit_fault){row->seq, row->event_id, "missing",
                                            "the event is gone, its seal is there"});
    else if (standing == CHANGED && !gap)
        tell(check, (struct dm_audit_fault){row->seq, row->event_id, "changed",
                                            "the event is not the one that was sealed here, or "
                                            "the seal before it is not"});
    else if (dm_str_eq_c(row->cells[1], DM_AUDIT_BROKEN))
        tell(check, (struct dm_audit_fault){row->seq, row->event_id, "head",
                                            "the worker found the chain's end elsewhere than it "
                                            "had left it"});
    if (row->seq == known->seq && !dm_str_eq_c(row->hash, known->hash))
        tell(check, (struct dm_audit_fault){row->seq, row->event_id, "head",
                                            "the seal has not the hash that is known of it"});
    return DM_OK;
}

static enum dm_result check_page(struct check *check, struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                 bool *ret_more)
{
    const struct dm_audit_span span = {.after_seq = check->chain.at.seq, .limit = PAGE_ROWS};
    struct dm_list page;
    enum dm_result result = dm_audit_chain_store_sealed(conn, ctx, span, &page);
    const struct dm_audit_row *rows = page.items;
    for (size_t i = 0; result == DM_OK && i < page.n; i++)
        result = check_row(check, ctx, &rows[i]);
    if (result == DM_OK)
        *ret_more = page.n == PAGE_ROWS;
    return result;
}

static enum dm_result check_begin(struct check *check, struct dm_pg_conn *conn, struct dm_ctx *ctx)
{
    struct dm_audit_chain *stored = &check->stored;
    enum dm_result result = dm_audit_chain_store_read(conn, ctx, stored);
    if (result != DM_OK)
        return result;
    struct dm_audit_head anchor;
    bool anchor_good = false, head_good = false;
    head_set(&anchor, stored->anchor_seq, stored->anchor_hash);
    head_set(&check->verdict.head, stored->head_seq, stored->head_hash);
    check->verdict.anchor_seq = stored->anchor_seq;
    check->chain.at = anchor;
    result = check_mac(&check->chain, ctx, "anchor", &anchor, stored->anchor_mac, &anchor_good);
    if (result == DM_OK)
        result = check_mac(&check->chain, ctx, "head", &check->verdict.head, stored->head_mac,
                           &head_good);
    if (result != DM_OK)
        return result;
    if (!anchor_good)
        tell(check, (struct dm_audit_fault){.seq = anchor.seq,
                                            .kind = "anchor",
                                            .text = "what lies before was not removed by us"});
    if (!head_good)
        tell(check, (struct dm_audit_fault){.seq = stored->head_seq,
                                            .kind = "head",
                                            .text = "the head was not set by us"});
    return DM_OK;
}

static void check_end(struct check *check)
{
    const struct dm_audit_head *at = &check->chain.at, *head = &check->verdict.head;
    const struct dm_audit_head *known = &check->how->known;
    if (at->seq < head->seq) {
        tell_gap(check, head->seq + 1);
    } else if (at->seq == head->seq && strcmp(at->hash, head->hash) != 0) {
        tell(check, (struct dm_audit_fault){.seq = head->seq,
                                            .kind = "head",
                                            .text = "the last seal is not the head's"});
    }
    if (known->seq > head->seq)
        tell(check, (struct dm_audit_fault){.seq = known->seq,
                                            .kind = "truncated",
                                            .text = "the chain ends before the head that is "
                                                    "known"});
}

/* Events outside the chain. */
static enum dm_result check_strays(struct check *check, struct dm_pg_conn *conn, struct dm_ctx *ctx)
{
    struct dm_list late = {0}, lost = {0};
    enum dm_result result =
        dm_audit_chain_store_late(conn, ctx, DM_AUDIT_LATE_S, STRAYS_MAX, &late);
    if (result == DM_OK)
        result = dm_audit_chain_store_lost(conn, ctx, STRAYS_MAX, &lost);
    if (result != DM_OK)
        return result;
    const struct dm_str *late_ids = late.items, *lost_ids = lost.items;
    for (size_t i = 0; i < late.n; i++)
        tell(check, (struct dm_audit_fault){0, late_ids[i], "unsealed",
                                            "the event has no seal, long after it was written"});
    for (size_t i = 0; i < lost.n; i++)
        tell(check, (struct dm_audit_fault){0, lost_ids[i], "missing",
                                            "the event was removed before it could be sealed"});
    return DM_OK;
}

static enum dm_result check_all(struct check *check, struct dm_pg_conn *conn,
                                struct dm_ctx *page_ctx)
{
    enum dm_result result = check_begin(check, conn, page_ctx);
    bool more = true;
    while (result == DM_OK && more) {
        dm_arena_reset(page_ctx->arena);
        result = check_page(check, conn, page_ctx, &more);
    }
    if (result != DM_OK)
        return result;
    check_end(check);
    return check_strays(check, conn, page_ctx);
}

enum dm_result dm_audit_verify(const struct dm_domain *domain, struct dm_ctx *ctx,
                               const struct dm_audit_verification *how,
                               struct dm_audit_verdict *ret_verdict)
{
    struct dm_ctx page_ctx = *ctx;
    page_ctx.arena = dm_arena_new(1 << 20, PAGE_BYTES_MAX);
    if (page_ctx.arena == NULL)
        return dm_ctx_nomem(ctx);
    struct check check = {.how = how};
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin_snapshot(domain->pg, &page_ctx, &conn);
    if (result == DM_OK) {
        chain_init(&check.chain, domain);
        result = dm_pg_end(conn, &page_ctx, check_all(&check, conn, &page_ctx));
        chain_done(&check.chain);
    }
    ctx->err = page_ctx.err;
    dm_arena_free(page_ctx.arena);
    if (result == DM_OK)
        *ret_verdict = check.verdict;
    return result;
}

/* Retention */

/* Verify the old ones at the beginning: chain->at is then the last that may go. */
static enum dm_result find_old(struct chain *chain, struct dm_ctx *ctx, const struct dm_list *page)
{
    const struct dm_audit_row *rows = page->items;
    for (size_t i = 0; i < page->n; i++) {
        if (rows[i].present && !rows[i].old)
            break;
        bool next = rows[i].seq == chain->at.seq + 1;
        enum standing standing;
        if (!follow(chain, &rows[i], &standing))
            return dm_ctx_nomem(ctx);
        if (!next || standing != GOOD)
            return dm_err_set(&ctx->err, DM_E_STALE,
                              "audit event %.*s (seal %lld) is not as it was sealed",
                              DM_STR_ARG(rows[i].event_id), (long long)rows[i].seq);
    }
    return DM_OK;
}

static enum dm_result trim_in(const struct dm_domain *domain, struct chain *chain,
                              struct dm_pg_conn *conn, struct dm_ctx *ctx, int64_t *ret_removed)
{
    struct dm_audit_chain stored;
    struct dm_list page;
    bool mine = false;
    enum dm_result result = dm_audit_chain_store_take(conn, ctx, &mine);
    if (result != DM_OK || !mine)
        return result;
    result = dm_audit_chain_store_read(conn, ctx, &stored);
    if (result != DM_OK)
        return result;
    const struct dm_audit_span span = {.after_seq = stored.anchor_seq,
                                       .limit = PAGE_ROWS,
                                       .keep_s = domain->settings->audit_keep_s};
    result = dm_audit_chain_store_sealed(conn, ctx, span, &page);
    if (result != DM_OK)
        return result;
    bool ours = false;
    head_set(&chain->at, stored.anchor_seq, stored.anchor_hash);
    result = check_mac(chain, ctx, "anchor", &chain->at, stored.anchor_mac, &ours);
    if (result == DM_OK && !ours)
        result = dm_err_set(&ctx->err, DM_E_STALE, "the audit trail's anchor was not set by us");
    if (result == DM_OK)
        result = find_old(chain, ctx, &page);
    *ret_removed = chain->at.seq - stored.anchor_seq;
    if (result != DM_OK || *ret_removed == 0)
        return result;

    char mac[DM_SHA256_HEX];
    struct dm_str detail = dm_arena_printf(ctx->arena, "{\"throughSeq\": %lld, \"removed\": %lld}",
                                           (long long)chain->at.seq, (long long)*ret_removed);
    if (!end_mac(chain, "anchor", &chain->at, mac) || detail.p == NULL)
        return dm_ctx_nomem(ctx);
    result = dm_audit_chain_store_trim(conn, ctx, chain->at.seq, dm_str_from(mac), span.keep_s);
    const struct dm_audit_event event = {
        .action = "audit.trim", .entity = "audit", .detail = detail};
    return result == DM_OK ? dm_audit_store_add(conn, ctx, &event) : result;
}

enum dm_result dm_audit_trim(const struct dm_domain *domain, struct dm_ctx *ctx,
                             int64_t *ret_removed)
{
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    struct chain chain;
    int64_t removed = 0;
    chain_init(&chain, domain);
    result = dm_pg_end(conn, ctx, trim_in(domain, &chain, conn, ctx, &removed));
    chain_done(&chain);
    if (result == DM_OK)
        *ret_removed = removed;
    return result;
}
