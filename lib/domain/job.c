/* The table of job kinds: the worker takes a job from the outbox and runs its row. */
#include "domain/job.h"

#include "domain/account.h"
#include "domain/erase.h"
#include "domain/guard.h"
#include "domain/mail.h"

static const struct {
    const char *kind;
    enum dm_result (*run)(const struct dm_domain *domain, struct dm_ctx *ctx,
                          const struct dm_job *job);
} kinds[] = {
    {"erase_account", dm_erase_run},
    {"forgot_password", dm_account_run_forgot},
    {"login_locked", dm_guard_run_locked},
    {"mail", dm_mail_run},
    {"resend_confirmation", dm_account_run_resend},
};

enum dm_result dm_job_run(const struct dm_domain *domain, struct dm_ctx *ctx,
                          const struct dm_job *job)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (dm_str_eq_c(job->kind, kinds[i].kind))
            return kinds[i].run(domain, ctx, job);
    return dm_err_set(&ctx->err, DM_E_UNAVAILABLE, "this release knows no job of this kind");
}
