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

/* The message's first 16 words, each with what counts as the same word. A lexeme is quoted for the tsquery it becomes; light words weigh little. */
#define WORD_SQL                                                                                   \
    ", lexeme AS ( "                                                                               \
    "SELECT DISTINCT ON (l.lexeme) l.lexeme, lower(t.token) AS token, t.place * 10 + l.place AS "  \
    "place "                                                                                       \
    "FROM self, ts_parse('default', $3::text) WITH ORDINALITY AS t (kind, token, place), "         \
    "unnest(tsvector_to_array(to_tsvector(self.config, t.token))) WITH ORDINALITY AS l (lexeme, "  \
    "place) "                                                                                      \
    "WHERE t.kind NOT BETWEEN 12 AND 17 "                                                          \
    "ORDER BY l.lexeme, t.place "                                                                  \
    "), word AS ( "                                                                                \
    "SELECT place, token, "                                                                        \
    "CASE WHEN token = ANY ($4::text[]) THEN 0.15::float8 ELSE 1 END AS base, "                    \
    "plain::tsquery AS query, asked::tsquery "                                                     \
    "FROM self, lexeme, LATERAL ( "                                                                \
    "SELECT string_agg(quoted, ' | ') AS plain, string_agg(quoted || ':A', ' | ') AS asked "       \
    "FROM ( "                                                                                      \
    "SELECT DISTINCT '''' || replace(replace(form, '\\', '\\\\'), '''', '''''') || '''' AS "       \
    "quoted "                                                                                      \
    "FROM ( "                                                                                      \
    "SELECT lexeme AS form "                                                                       \
    "UNION ALL "                                                                                   \
    "SELECT unnest(tsvector_to_array(to_tsvector(self.config, g))) "                               \
    "FROM unnest($5::text[]) AS g "                                                                \
    "WHERE token = ANY (string_to_array(g, ' ')) "                                                 \
    ") forms "                                                                                     \
    ") q "                                                                                         \
    ") f "                                                                                         \
    "ORDER BY place "                                                                              \
    "LIMIT 16 "                                                                                    \
    ") "

/* Which item has which word. An example counts in full where its line has it, less where only the reply does. */
#define HIT_SQL                                                                                    \
    ", memory_hit AS ( "                                                                           \
    "SELECT place, id, importance, 1::float8 AS credit "                                           \
    "FROM word, memory "                                                                           \
    "WHERE profile_id = $1 AND tsv @@ query "                                                      \
    "), trait_hit AS ( "                                                                           \
    "SELECT place, id, weight "                                                                    \
    "FROM word, trait "                                                                            \
    "WHERE profile_id = $1 AND is_active AND tsv @@ query "                                        \
    "), example_hit AS ( "                                                                         \
    "SELECT place, position, CASE WHEN tsv @@ asked THEN 1::float8 ELSE 0.6 END AS credit "        \
    "FROM word, example_dialogue "                                                                 \
    "WHERE profile_id = $1 AND tsv @@ query "                                                      \
    "), seen AS ( "                                                                                \
    "SELECT place, count(*) AS n "                                                                 \
    "FROM ( "                                                                                      \
    "SELECT place FROM memory_hit "                                                                \
    "UNION ALL SELECT place FROM trait_hit "                                                       \
    "UNION ALL SELECT place FROM example_hit "                                                     \
    ") h "                                                                                         \
    "GROUP BY place "                                                                              \
    ") "

/* Examples whose line looks like the message, small words and all. Lines of quite another length cannot. */
#define ALIKE_SQL                                                                                  \
    ", alike AS ( "                                                                                \
    "SELECT position, user_text, similarity(user_text, $3) AS alike "                              \
    "FROM self, example_dialogue "                                                                 \
    "WHERE profile_id = $1 "                                                                       \
    "AND char_length(user_text) BETWEEN char_length($3) / 2 AND char_length($3) * 2 "              \
    "AND user_text % $3 "                                                                          \
    ") "

/* A word that no item has may be misspelt: which memories, and which of the examples alike, have one that looks like it? */
#define NEAR_SQL                                                                                   \
    ", misspelt AS ( "                                                                             \
    "SELECT place, token "                                                                         \
    "FROM word "                                                                                   \
    "WHERE base = 1 AND char_length(token) >= 5 AND place NOT IN (SELECT place FROM seen) "        \
    "ORDER BY place "                                                                              \
    "LIMIT 2 "                                                                                     \
    "), memory_near AS ( "                                                                         \
    "SELECT place, id, importance, 0.7::float8 "                                                   \
    "FROM misspelt, memory "                                                                       \
    "WHERE profile_id = $1 AND token <% text "                                                     \
    "), example_near AS ( "                                                                        \
    "SELECT place, position, 0.7::float8 "                                                         \
    "FROM misspelt, alike "                                                                        \
    "WHERE token <% user_text "                                                                    \
    ") "

/* A word weighs more the fewer items have it (as if there were 200); an item's cover is the weight of its words in all of the message's. It is rounded, so that the order of adding cannot decide, and leaves the places behind the point to what decides between equals. */
#define SCORE_SQL                                                                                  \
    ", weight AS ( "                                                                               \
    "SELECT place, base, base * ln(1 + 200.0 / coalesce(n, 1)) AS weight "                         \
    "FROM word LEFT JOIN seen USING (place) "                                                      \
    "), total AS ( "                                                                               \
    "SELECT sum(weight) / 10000 AS weight, sum(base) AS words "                                    \
    "FROM weight "                                                                                 \
    "), best_memory AS ( "                                                                         \
    "SELECT id, round(sum(w.weight * credit) / max(total.weight)) + importance / 2 AS score "      \
    "FROM (TABLE memory_hit UNION ALL TABLE memory_near) h "                                       \
    "JOIN weight w USING (place), total "                                                          \
    "GROUP BY id, importance "                                                                     \
    "ORDER BY score DESC, id "                                                                     \
    "LIMIT 4 "                                                                                     \
    "), best_trait AS ( "                                                                          \
    "SELECT id, round(sum(w.weight) / max(total.weight)) + h.weight / 20 AS score "                \
    "FROM trait_hit h JOIN weight w USING (place), total "                                         \
    "GROUP BY id, h.weight "                                                                       \
    "ORDER BY score DESC, id "                                                                     \
    "LIMIT 2 "                                                                                     \
    "), example_cover AS ( "                                                                       \
    "SELECT position, round(sum(w.weight * credit) / max(total.weight)) AS cover, "                \
    "count(*) FILTER (WHERE credit <> 0.6) AS shared "                                             \
    "FROM (TABLE example_hit UNION ALL TABLE example_near) h "                                     \
    "JOIN weight w USING (place), total "                                                          \
    "GROUP BY position "                                                                           \
    "), best_example AS ( "                                                                        \
    "SELECT position, coalesce(cover, 0) AS cover, coalesce(shared, 0) AS shared, "                \
    "coalesce(alike, 0) AS alike, coalesce(cover, 0) + 10000 * coalesce(alike, 0) AS score "       \
    "FROM example_cover FULL JOIN alike USING (position) "                                         \
    "ORDER BY score DESC, position "                                                               \
    "LIMIT 4 "                                                                                     \
    ") "

/* The best of each kind with their texts. */
#define FOUND_SQL                                                                                  \
    "SELECT 'memory' AS kind, id, NULL::integer AS position, m.kind = 'sample', text, NULL, "      \
    "score / 10000, 0, 0, words, score "                                                           \
    "FROM total, best_memory JOIN memory m USING (id) "                                            \
    "UNION ALL "                                                                                   \
    "SELECT 'trait', id, NULL, false, description, name, score / 10000, 0, 0, words, score "       \
    "FROM total, best_trait JOIN trait USING (id) "                                                \
    "UNION ALL "                                                                                   \
    "SELECT 'example', NULL, position, false, user_text, reply_text, cover / 10000, "              \
    "shared::float8 / greatest(1, length(ts_filter(tsv, '{a}'))), alike, words, score "            \
    "FROM total, best_example JOIN example_dialogue e USING (position) "                           \
    "WHERE e.profile_id = $1 "                                                                     \
    "ORDER BY kind, score DESC, position, id "

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
            .sample = dm_pg_cell_bool(&rows, i, 3),
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
