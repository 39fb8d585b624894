/* Tokens and codes: bound to what they were made for, used once, and a code bears five wrong tries. */
#include "domain/one_time.h"

#include "unit/domain/domain_suites.h"
#include "unit/domain/owner.h"
#include "unit/unit.h"

/* An unconfirmed account, and what its mail says. */
struct waiting {
    struct dm_world world;
    struct dm_str email, token, code;
};

static void open_waiting(struct waiting *waiting)
{
    struct dm_world *world = &waiting->world;
    dm_world_open(world);
    waiting->email = dm_owner_address(world);
    CU_ASSERT_EQUAL_FATAL(dm_owner_register(world, waiting->email, DM_STR(DM_OWNER_PASSWORD)),
                          DM_OK);
    waiting->token = dm_owner_mailed(world, waiting->email, "confirm", "token");
    waiting->code = dm_owner_mailed(world, waiting->email, "confirm", "code");
}

static enum dm_result find(struct waiting *waiting, enum dm_one_time_purpose purpose,
                           const struct dm_one_time_proof *proof, struct dm_str *ret_hash)
{
    waiting->world.ctx = dm_world_ctx(waiting->world.arena);
    return dm_one_time_find(&waiting->world.domain, &waiting->world.ctx, purpose, proof, ret_hash);
}

static enum dm_result try_code(struct waiting *waiting, struct dm_str code)
{
    struct dm_str hash;
    const struct dm_one_time_proof proof = {.email = waiting->email, .code = code};
    return find(waiting, DM_ONE_TIME_CONFIRM_EMAIL, &proof, &hash);
}

/* The same code with another last digit. */
static struct dm_str wrong(struct waiting *waiting)
{
    char *code = dm_arena_cstr(waiting->world.arena, waiting->code);
    code[7] = code[7] == '9' ? '0' : (char)(code[7] + 1);
    return dm_str_from(code);
}

static void token_and_code_stand_for_the_same(void)
{
    struct waiting waiting;
    open_waiting(&waiting);
    const struct dm_one_time_proof by_token = {.token = waiting.token};
    const struct dm_one_time_proof by_code = {.email = waiting.email, .code = waiting.code};
    struct dm_str one = {0}, other = {0};
    CU_ASSERT_EQUAL(waiting.code.n, 8);
    CU_ASSERT_EQUAL(find(&waiting, DM_ONE_TIME_CONFIRM_EMAIL, &by_token, &one), DM_OK);
    CU_ASSERT_EQUAL(find(&waiting, DM_ONE_TIME_CONFIRM_EMAIL, &by_code, &other), DM_OK);
    CU_ASSERT_TRUE(dm_str_eq(one, other));
    dm_world_close(&waiting.world);
}

static void a_code_may_be_typed_in_groups(void)
{
    struct waiting waiting;
    open_waiting(&waiting);
    struct dm_arena *arena = waiting.world.arena;
    const char *p = waiting.code.p;
    CU_ASSERT_EQUAL(try_code(&waiting, dm_arena_printf(arena, "%.4s %.4s", p, p + 4)), DM_OK);
    CU_ASSERT_EQUAL(try_code(&waiting, dm_arena_printf(arena, " %.4s-%.4s ", p, p + 4)), DM_OK);
    CU_ASSERT_EQUAL(try_code(&waiting, dm_arena_printf(arena, "%.8s0", p)), DM_E_INVALID);
    CU_ASSERT_EQUAL(try_code(&waiting, dm_arena_printf(arena, "%.7s", p)), DM_E_INVALID);
    CU_ASSERT_EQUAL(try_code(&waiting, dm_arena_printf(arena, "%.7sx", p)), DM_E_INVALID);
    /* What cannot be a code is no try. */
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(try_code(&waiting, wrong(&waiting)), DM_E_INVALID);
    CU_ASSERT_EQUAL(try_code(&waiting, waiting.code), DM_OK);
    dm_world_close(&waiting.world);
}

static void five_wrong_codes_kill_the_code_and_not_the_token(void)
{
    struct waiting waiting;
    open_waiting(&waiting);
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(try_code(&waiting, wrong(&waiting)), DM_E_INVALID);
        CU_ASSERT_STRING_EQUAL(waiting.world.ctx.err.pointer, "/code");
        CU_ASSERT_STRING_EQUAL(waiting.world.ctx.err.rule, "invalid_code");
    }
    CU_ASSERT_EQUAL(try_code(&waiting, waiting.code), DM_E_INVALID);
    CU_ASSERT_EQUAL(dm_owner_confirm(&waiting.world, waiting.token), DM_OK);
    dm_world_close(&waiting.world);
}

static void a_code_is_bound_to_purpose_and_address(void)
{
    struct waiting waiting;
    open_waiting(&waiting);
    struct dm_str hash;
    const struct dm_one_time_proof own = {.email = waiting.email, .code = waiting.code};
    const struct dm_one_time_proof others = {.email = dm_owner_address(&waiting.world),
                                             .code = waiting.code};
    CU_ASSERT_EQUAL(find(&waiting, DM_ONE_TIME_RESET_PASSWORD, &own, &hash), DM_E_INVALID);
    CU_ASSERT_EQUAL(find(&waiting, DM_ONE_TIME_CHANGE_EMAIL, &own, &hash), DM_E_INVALID);
    CU_ASSERT_EQUAL(find(&waiting, DM_ONE_TIME_CONFIRM_EMAIL, &others, &hash), DM_E_INVALID);
    CU_ASSERT_EQUAL(find(&waiting, DM_ONE_TIME_CONFIRM_EMAIL, &own, &hash), DM_OK);
    dm_world_close(&waiting.world);
}

/* Who reads the database without the pepper can try all of a hundred million. */
static void a_code_is_stored_under_a_key(void)
{
    struct waiting waiting;
    open_waiting(&waiting);
    CU_ASSERT_EQUAL(try_code(&waiting, waiting.code), DM_OK);
    waiting.world.settings.password_pepper =
        (struct dm_secret){"another pepper of thirty-two bytes.", 35};
    CU_ASSERT_EQUAL(try_code(&waiting, waiting.code), DM_E_INVALID);
    dm_world_close(&waiting.world);
}

static void a_proof_is_one_of_two_forms(void)
{
    static const struct {
        struct dm_one_time_proof proof;
        const char *pointer, *rule;
    } cases[] = {
        {{{0}, {0}, {0}}, "/token", "required"},
        {{{0}, DM_STR_INIT("a@b.example"), {0}}, "/code", "required"},
        {{{0}, {0}, DM_STR_INIT("12345678")}, "/email", "required"},
        {{DM_STR_INIT("t"), {0}, DM_STR_INIT("12345678")}, "/code", "not_both"},
        {{DM_STR_INIT("t"), DM_STR_INIT("a@b.example"), {0}}, "/email", "not_both"},
    };
    struct waiting waiting;
    open_waiting(&waiting);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dm_str hash;
        CU_ASSERT_EQUAL(find(&waiting, DM_ONE_TIME_CONFIRM_EMAIL, &cases[i].proof, &hash),
                        DM_E_INVALID);
        CU_ASSERT_STRING_EQUAL(waiting.world.ctx.err.pointer, cases[i].pointer);
        CU_ASSERT_STRING_EQUAL(waiting.world.ctx.err.rule, cases[i].rule);
    }
    dm_world_close(&waiting.world);
}

CU_TestInfo *dm_one_time_suite(void)
{
    static CU_TestInfo tests[] = {
        {"token and code stand for the same", token_and_code_stand_for_the_same},
        {"a code may be typed in groups", a_code_may_be_typed_in_groups},
        {"five wrong codes kill the code and not the token",
         five_wrong_codes_kill_the_code_and_not_the_token},
        {"a code is bound to purpose and address", a_code_is_bound_to_purpose_and_address},
        {"a code is stored under a key", a_code_is_stored_under_a_key},
        {"a proof is one of two forms", a_proof_is_one_of_two_forms},
        CU_TEST_INFO_NULL,
    };
    return tests;
}
