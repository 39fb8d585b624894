"""The outbox: a mail is sent when its cause was committed, once, however workers and mail servers come and go."""
import contextlib
import json
import os
import signal
import subprocess

import pytest

from database import Database
from people import People
from smtp import MailServer
from system import wait_for

pytestmark = pytest.mark.own_system
ATTEMPTS = 4
# So many mails to name-1@example.org, name-2@…
MANY_MAILS = """INSERT INTO job (id, kind, payload, max_attempts)
    SELECT gen_random_uuid(), 'mail', jsonb_build_object('to', %s || '-' || n || '@example.org', 'kind', 'session-reuse',
                                                         'values', jsonb_build_object('first_name', 'Many')), 3
      FROM generate_series(1, %s) n"""


@pytest.fixture(scope="module")
def outbox(own_system):
    return own_system(settings={"worker.attempts": str(ATTEMPTS), "worker.job_timeout_s": "20"})


@pytest.fixture(scope="module")
def crowd(outbox, contract):
    people = People(outbox, contract)
    yield people
    people.close()


@pytest.fixture(scope="module")
def jobs(outbox):
    with Database(outbox) as database:
        yield database


@pytest.fixture
def no_sink(outbox):
    """The system's own mail server is down; up again afterwards, and the worker with it."""
    outbox.stop("smtp")
    yield
    outbox.start("smtp")
    outbox.start("digitalme-worker")


def job_of(database, account):
    """The newest job with a mail to the account: id, state, attempts, last_error. A finished job's payload is emptied, so ask before."""
    return database.rows("SELECT id::text, state, attempts, last_error FROM job WHERE payload->>'to' = %s ORDER BY id DESC LIMIT 1",
                         account.email)[0]


def state_of(database, job_id):
    return database.rows("SELECT state, attempts, last_error FROM job WHERE id = %s", job_id)[0]


@contextlib.contextmanager
def second_worker(system):
    """Another digitalme-worker beside the system's own."""
    with open(system.log_dir / "digitalme-worker-2.log", "ab") as log:
        worker = subprocess.Popen([system.program("digitalme-worker"), "--config", system.config_file], stdin=subprocess.DEVNULL,
                                  stdout=log, stderr=log)
    try:
        wait_for(lambda: b'"ready"' in (system.log_dir / "digitalme-worker-2.log").read_bytes(), "the second worker", 20)
        yield worker
    finally:
        if worker.poll() is None:
            worker.send_signal(signal.SIGTERM)
        assert worker.wait(40) in (0, -signal.SIGKILL)


def test_a_mail_is_sent_with_starttls_and_whole(crowd):
    account = crowd.registered()
    mail = crowd.mailbox.wait(account.email)
    assert mail["X-Transport"] == "tls"
    assert mail["X-Mail-From"] == "digitalme@localhost.example" and mail["From"] == "DigitalMe <digitalme@localhost.example>"
    assert mail["Date"] and mail["Message-ID"].endswith("@localhost.example>") and mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert {part.get_content_charset() for part in mail.iter_parts()} == {"utf-8"}


def test_a_done_job_keeps_nothing_of_the_mail(crowd, jobs):
    account = crowd.registered()
    crowd.mailbox.wait(account.email)
    wait_for(lambda: jobs.value("SELECT count(*) FROM job WHERE state <> 'done'") == 0, "the job to be done", 10)
    assert jobs.value("SELECT count(*) FROM job WHERE payload <> '{}'") == 0


def test_a_request_that_fails_leaves_no_job(crowd, jobs):
    before = jobs.value("SELECT count(*) FROM job")
    crowd.client().post("/auth/register", {"email": crowd.address(), "password": "weak-1", "firstName": "A", "lastName": "B"}, expect=422)
    assert jobs.value("SELECT count(*) FROM job") == before


def test_a_mail_server_without_starttls_gets_its_mail_all_the_same(crowd, outbox, no_sink):
    with MailServer(outbox, tls=False) as server:
        crowd.registered()
        wait_for(lambda: server.taken, "the mail")
        assert server.encrypted == [False]


def test_while_smtp_is_down_a_job_waits_and_is_sent_when_it_is_back(crowd, outbox, jobs, no_sink):
    account = crowd.registered()  # answered at once: nothing waits for the mail server
    job_id = job_of(jobs, account)[0]
    wait_for(lambda: state_of(jobs, job_id)[2], "a first failure", 20)
    state, attempts, reason = state_of(jobs, job_id)
    assert state == "waiting" and attempts >= 1 and reason.startswith("smtp: ")
    outbox.start("smtp")
    crowd.mailbox.wait(account.email)
    wait_for(lambda: state_of(jobs, job_id)[0] == "done", "the job to be done", 10)
    assert len(crowd.mailbox.to(account.email)) == 1


def test_a_job_that_fails_n_times_is_dead_with_its_reason_kept(crowd, outbox, jobs, no_sink):
    with MailServer(outbox, answer="451 Come again later") as server:
        job_id = job_of(jobs, crowd.registered())[0]
        wait_for(lambda: state_of(jobs, job_id)[0] == "dead", "the job to die", 40)
        state, attempts, reason = state_of(jobs, job_id)
        assert attempts == ATTEMPTS == len(server.begun) and "451 Come again later" in reason
        assert len(set(server.begun)) == 1, "each try has the same Message-ID, so that a mailbox can tell"


def test_a_mail_that_is_refused_for_good_is_not_tried_again(crowd, outbox, jobs, no_sink):
    with MailServer(outbox, answer="550 No such mailbox") as server:
        job_id = job_of(jobs, crowd.registered())[0]
        wait_for(lambda: state_of(jobs, job_id)[0] == "dead", "the job to die", 20)
        state, attempts, reason = state_of(jobs, job_id)
        assert attempts == 1 and "550 No such mailbox" in reason and len(server.begun) == 1


def test_a_dead_job_does_not_hold_up_the_next(crowd, outbox, jobs, no_sink):
    with MailServer(outbox, answer="550 No") as server:
        job_id = job_of(jobs, crowd.registered())[0]
        wait_for(lambda: state_of(jobs, job_id)[0] == "dead", "the job to die", 20)
        server.answer = "250 Taken"
        crowd.registered()
        wait_for(lambda: server.taken, "the next mail", 20)


def test_two_workers_run_each_job_once(crowd, outbox, jobs, no_sink):
    with MailServer(outbox, delay_s=0.1) as server, second_worker(outbox):
        outbox.stop("digitalme-worker")
        for _ in range(3):
            crowd.registered()
        outbox.start("digitalme-worker")
        jobs.rows(MANY_MAILS, "many", 40)
        jobs.rows("NOTIFY job")
        wait_for(lambda: jobs.value("SELECT count(*) FROM job WHERE state = 'waiting'") == 0, "all jobs to be done", 60)
        assert len(server.taken) == len(set(server.taken)) == 43 and not server.overlapped


def test_two_workers_share_the_work(crowd, outbox, jobs, no_sink):
    with MailServer(outbox, delay_s=0.1), second_worker(outbox):
        jobs.rows(MANY_MAILS, "shared", 30)
        jobs.rows("NOTIFY job")
        wait_for(lambda: jobs.value("SELECT count(*) FROM job WHERE state = 'waiting'") == 0, "all jobs to be done", 60)
    lines = (outbox.log_dir / "digitalme-worker-2.log").read_text().splitlines()
    assert [line for line in lines if json.loads(line)["body"] == "job done"], "the second worker did nothing"


def test_a_killed_workers_job_is_taken_again(crowd, outbox, jobs, no_sink):
    with MailServer(outbox) as server:
        server.hold.clear()
        job_id = job_of(jobs, crowd.registered())[0]
        wait_for(lambda: server.begun, "the worker to be in the middle of the job", 20)
        outbox.kill("digitalme-worker")
        assert state_of(jobs, job_id)[0] == "waiting"
        server.hold.set()
        outbox.start("digitalme-worker")
        wait_for(lambda: state_of(jobs, job_id)[0] == "done", "the job to be taken again", 30)
        assert state_of(jobs, job_id)[1] == 2 and len(server.begun) == 2


def test_another_worker_takes_over_from_one_that_was_killed(crowd, outbox, jobs, no_sink):
    with MailServer(outbox) as server:
        server.hold.clear()
        job_id = job_of(jobs, crowd.registered())[0]
        wait_for(lambda: server.begun, "the worker to be in the middle of the job", 20)
        with second_worker(outbox):
            assert len(server.begun) == 1, "a job that runs is not taken by another"
            outbox.kill("digitalme-worker")
            server.hold.set()
            wait_for(lambda: state_of(jobs, job_id)[0] == "done", "the other worker to take it over", 30)


def test_a_worker_that_is_told_to_stop_finishes_its_job_first(crowd, outbox, jobs, no_sink):
    with MailServer(outbox) as server:
        server.hold.clear()
        job_id = job_of(jobs, crowd.registered())[0]
        wait_for(lambda: server.begun, "the worker to be in the middle of the job", 20)
        os.kill(outbox.pid("digitalme-worker"), signal.SIGTERM)
        server.hold.set()
        wait_for(lambda: not outbox.running("digitalme-worker"), "the worker to end", 30)
        assert state_of(jobs, job_id)[:2] == ("done", 1) and len(server.taken) == 1


def test_a_mail_server_that_hangs_costs_one_try_and_blocks_no_request(crowd, outbox, jobs, no_sink):
    outbox.env["DIGITALME_WORKER_JOB_TIMEOUT_S"] = "1"
    outbox.restart("digitalme-worker")
    try:
        with MailServer(outbox) as server:
            server.hold.clear()
            job_id = job_of(jobs, crowd.registered())[0]
            wait_for(lambda: state_of(jobs, job_id)[2], "the try to be given up", 10)
            assert state_of(jobs, job_id)[0] == "waiting" and "no answer in time" in state_of(jobs, job_id)[2]
            crowd.client().site("GET", "/health/ready", expect=200)
            server.hold.set()
            wait_for(lambda: state_of(jobs, job_id)[0] == "done", "the mail to be sent", 20)
    finally:
        del outbox.env["DIGITALME_WORKER_JOB_TIMEOUT_S"]
        outbox.restart("digitalme-worker")


def test_work_goes_on_when_the_database_was_away(crowd, outbox, jobs):
    outbox.kill("postgres")
    outbox.start("postgres")
    probe = crowd.client()
    wait_for(lambda: probe.site("GET", "/health/ready").status_code == 200, "the API to serve again", 30)
    account = wait_for(crowd.registered, "a registration", 5)
    crowd.mailbox.wait(account.email)
