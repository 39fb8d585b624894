/*
 * One statement from message to candidates. Its parts stand below in the order in which PostgreSQL runs them; each reads only what the
 * parts above it made, and the tables through indexes that begin with the profile's id.
 */
#include "store/recall_store.h"

/* The profile, and how its language is searched. */
#define SELF_SQL                                                                                   \
    "WITH self AS ( "                                                                              \
    "SELECT id, search_config_of(language) AS config "                                             \
    "FROM profile "                                                                                \
    "WHERE id = $1 AND owner_id = $2 "                                                             \
    ") "

/* The message's first 32 words with what counts as the same word. A lexeme is quoted for the tsquery it becomes; light words weigh little. */
#define WORD_SQL                                                                                   \
    ", token AS ( "                                                                                \
    "SELECT lower(t.token) AS token, t.place "                                                     \
    "FROM ts_parse('default', $3::text) WITH ORDINALITY AS t (kind, token, place) "                \
    "WHERE t.kind NOT IN (12, 13, 14, 15, 16, 17) "                                                \
    "ORDER BY t.place "                                                                            \
    "LIMIT 200 "                                                                                   \
    "), lexeme AS ( "                                                                              \
    "SELECT DISTINCT ON (l.lexeme) l.lexeme, t.token, t.place * 10 + l.place AS place "            \
    "FROM self, token t, "                                                                         \
    "unnest(tsvector_to_array(to_tsvector(self.config, t.token))) WITH ORDINALITY AS l (lexeme, "  \
    "place) "                                                                                      \
    "ORDER BY l.lexeme, t.place "                                                                  \
    "), word AS ( "                                                                                \
    "SELECT l.place, l.token, "                                                                    \
    "CASE WHEN l.token = ANY ($4::text[]) THEN 0.15 ELSE 1 END AS base, "                          \
    "f.plain::tsquery AS query, f.asked::tsquery AS query_asked "                                  \
    "FROM self, lexeme l, LATERAL ( "                                                              \
    "SELECT string_agg(quoted, ' | ') AS plain, string_agg(quoted || ':A', ' | ') AS asked "       \
    "FROM ( "                                                                                      \
    "SELECT DISTINCT '''' || replace(replace(form, '\\', '\\\\'), '''', '''''') || '''' AS "       \
    "quoted "                                                                                      \
    "FROM ( "                                                                                      \
    "SELECT l.lexeme AS form "                                                                     \
    "UNION ALL "                                                                                   \
    "SELECT unnest(tsvector_to_array(to_tsvector(self.config, g))) "                               \
    "FROM unnest($5::text[]) AS g "                                                                \
    "WHERE l.token = ANY (string_to_array(g, ' ')) "                                               \
    ") forms "                                                                                     \
    ") q "                                                                                         \
    ") f "                                                                                         \
    "ORDER BY l.place "                                                                            \
    "LIMIT 32 "                                                                                    \
    ") "

/* Which item has which word. An example counts in full where its line has it, less where only the reply does. */
#define HIT_SQL                                                                                    \
    ", hit AS ( "                                                                                  \
    "SELECT w.place, 'memory' AS kind, m.id, NULL::integer AS position, 1.0 AS credit "            \
    "FROM self, word w, memory m "                                                                 \
    "WHERE m.profile_id = self.id AND m.tsv @@ w.query "                                           \
    "UNION ALL "                                                                                   \
    "SELECT w.place, 'trait', t.id, NULL, 1.0 "                                                    \
    "FROM self, word w, trait t "                                                                  \
    "WHERE t.profile_id = self.id AND t.is_active AND t.tsv @@ w.query "                           \
    "UNION ALL "                                                                                   \
    "SELECT w.place, 'example', NULL, e.position, CASE WHEN e.tsv @@ w.query_asked THEN 1.0 ELSE " \
    "0.6 END "                                                                                     \
    "FROM self, word w, example_dialogue e "                                                       \
    "WHERE e.profile_id = self.id AND e.tsv @@ w.query "                                           \
    ") "

/* Examples whose line looks like the message, small words and all. */
#define ALIKE_SQL                                                                                  \
    ", alike AS ( "                                                                                \
    "SELECT e.position, e.user_text, similarity(e.user_text, $3) AS alike "                        \
    "FROM self, example_dialogue e "                                                               \
    "WHERE e.profile_id = self.id AND e.user_text % $3 "                                           \
    ") "

/*
 * A long word that no item has may be misspelt: which memories, and which of the examples alike, have one that looks like it?
 */
#define NEAR_SQL                                                                                   \
    ", seen AS ( "                                                                                 \
    "SELECT place, count(*) AS n FROM hit GROUP BY place "                                         \
    "), misspelt AS ( "                                                                            \
    "SELECT w.place, w.token "                                                                     \
    "FROM word w "                                                                                 \
    "WHERE w.base = 1 AND char_length(w.token) >= 3 "                                              \
    "AND NOT EXISTS (SELECT FROM seen WHERE seen.place = w.place) "                                \
    "ORDER BY w.place "                                                                            \
    "LIMIT 3 "                                                                                     \
    "), near_hit AS ( "                                                                            \
    "SELECT s.place, 'memory' AS kind, m.id, NULL::integer AS position, "                          \
    "0.9 * word_similarity(s.token, m.text) AS credit "                                            \
    "FROM self, misspelt s, memory m "                                                             \
    "WHERE m.profile_id = self.id AND char_length(s.token) >= 4 AND s.token <% m.text "            \
    "UNION ALL "                                                                                   \
    "SELECT s.place, 'example', NULL, a.position, 0.9 * word_similarity(s.token, a.user_text) "    \
    "FROM misspelt s, alike a "                                                                    \
    "WHERE s.token <% a.user_text "                                                                \
    ") "

/* A word weighs more the fewer items have it (as if there were 200); an item's cover is the weight of its words in all of the message's. */
#define SCORE_SQL                                                                                  \
    ", weight AS ( "                                                                               \
    "SELECT w.place, w.base * ln(1 + 200.0 / coalesce(s.n, 1)) AS weight "                         \
    "FROM word w LEFT JOIN seen s ON s.place = w.place "                                           \
    "), scored AS ( "                                                                              \
    "SELECT h.kind, h.id, h.position, "                                                            \
    "round((sum(w.weight * h.credit) / (SELECT sum(weight) FROM weight))::numeric, 4) AS cover, "  \
    "count(*) FILTER (WHERE h.credit >= 0.6) AS words "                                            \
    "FROM (SELECT * FROM hit UNION ALL SELECT * FROM near_hit) h JOIN weight w ON w.place = "      \
    "h.place "                                                                                     \
    "GROUP BY h.kind, h.id, h.position "                                                           \
    ") "

/* The best of each kind. */
#define FOUND_SQL                                                                                  \
    ", found AS ( "                                                                                \
    "(SELECT s.kind, m.id, NULL::integer AS position, m.kind AS memory_kind, m.text, NULL AS "     \
    "reply, "                                                                                      \
    "s.cover, 0::float8 AS back, 0::real AS alike, m.importance "                                  \
    "FROM scored s JOIN memory m ON m.id = s.id "                                                  \
    "WHERE s.kind = 'memory' "                                                                     \
    "ORDER BY s.cover DESC, m.importance DESC, m.id "                                              \
    "LIMIT 4) "                                                                                    \
    "UNION ALL "                                                                                   \
    "(SELECT s.kind, t.id, NULL, NULL, t.description, t.name, s.cover, 0, 0, t.weight / 10 "       \
    "FROM scored s JOIN trait t ON t.id = s.id "                                                   \
    "WHERE s.kind = 'trait' "                                                                      \
    "ORDER BY s.cover DESC, t.weight DESC, t.id "                                                  \
    "LIMIT 2) "                                                                                    \
    "UNION ALL "                                                                                   \
    "(SELECT 'example', NULL, e.position, NULL, e.user_text, e.reply_text, "                       \
    "coalesce(s.cover, 0), "                                                                       \
    "coalesce(s.words, 0)::float8 / greatest(1, length(ts_filter(e.tsv, '{a}'))), "                \
    "coalesce(a.alike, 0), 0.5 "                                                                   \
    "FROM self, (SELECT * FROM scored WHERE kind = 'example') s FULL JOIN alike a ON a.position "  \
    "= s.position "                                                                                \
    "JOIN example_dialogue e ON e.position = coalesce(s.position, a.position) "                    \
    "WHERE e.profile_id = self.id "                                                                \
    "ORDER BY coalesce(s.cover, 0) + coalesce(a.alike, 0) DESC, e.position "                       \
    "LIMIT 4) "                                                                                    \
    ") "                                                                                           \
    "SELECT f.kind, f.id, f.position, f.memory_kind, f.text, f.reply, f.cover, f.back, f.alike, "  \
    "(SELECT coalesce(sum(base), 0) FROM word) "                                                   \
    "FROM found f "

static const struct dm_pg_stmt search_stmt = {
    .name = "recall_search",
    .sql = SELF_SQL WORD_SQL HIT_SQL ALIKE_SQL NEAR_SQL SCORE_SQL FOUND_SQL,
    .n_params = 5,
    .rows = DM_PG_MANY,
};

static enum dm_recall_kind kind_of(struct dm_str name)
{
    if (dm_str_eq_c(name, "example"))
        return DM_RECALL_EXAMPLE;
    return dm_str_eq_c(name, "memory") ? DM_RECALL_MEMORY : DM_RECALL_TRAIT;
}

enum dm_result dm_recall_store_search(struct dm_pg *pg, struct dm_ctx *ctx,
                                      const struct dm_recall_ask *ask, struct dm_list *ret_items)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(ask->profile.id), dm_pg_text(ask->profile.owner_id), dm_pg_text(ask->message),
        dm_pg_text(dm_str_from(ask->light_words)), dm_pg_text(dm_str_from(ask->word_groups))};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_run(pg, ctx, &search_stmt, params, &rows);
    if (r != DM_OK)
        return r;
    struct dm_recall_item *items = dm_arena_array(ctx->arena, rows.n_rows, sizeof(*items));
    if (items == NULL)
        return dm_ctx_nomem(ctx);
    for (size_t i = 0; i < rows.n_rows; i++)
        items[i] = (struct dm_recall_item){
            .kind = kind_of(dm_pg_cell(&rows, i, 0)),
            .id = dm_pg_cell(&rows, i, 1),
            .position = dm_pg_cell_int(&rows, i, 2),
            .sample = dm_str_eq_c(dm_pg_cell(&rows, i, 3), "sample"),
            .text = dm_pg_cell(&rows, i, 4),
            .answer = dm_pg_cell(&rows, i, 5),
            .cover = dm_pg_cell_num(&rows, i, 6),
            .back = dm_pg_cell_num(&rows, i, 7),
            .alike = dm_pg_cell_num(&rows, i, 8),
            .words = dm_pg_cell_num(&rows, i, 9),
        };
    *ret_items = (struct dm_list){items, rows.n_rows};
    return DM_OK;
}
