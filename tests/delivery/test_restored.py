"""A restored backup mails nobody again before a person says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.db.models import F

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery.claim import claim_deliveries
from mailer.delivery.journal import JournalUnwritable
from mailer.delivery.lease import register_worker, renew_lease, retire_worker
from mailer.delivery.marks import DatabaseWentBack, Mark, MarkFile, read_marks
from mailer.delivery.restored import Held, check_history
from mailer.delivery.schedule import run_schedule
from mailer.delivery.taking import take_due
from mailer.delivery.transitions import change_status
from mailer.models import AuditEntry, Delivery, Instance, Mailing, Worker
from mailer.reasons import OTHER_DATABASE, RESTORED
from tests.support.engine import accepted_by, send
from tests.support.mailings import counted, make_crowd, make_mailing, states
from tests.support.smtp_server import SmtpServer, slow
from tests.support.sweeping import answered, killed_worker, sweep_after_long_silence
from tests.support.waiting import committed_once_somebody_waits, with_many_writers

pytestmark = pytest.mark.django_db(transaction=True)

Site = Callable[[SmtpServer | int], None]


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 60)
    return change_status(make_mailing(owner).pk, "start", owner)


def came_and_went(folder: Path) -> int:
    """A worker that has renewed its lease a few times, and stopped."""
    line, _held = check_history(folder)
    worker = register_worker("host", "boot")
    file = MarkFile(folder, line.token, worker)
    for _time in range(3):
        file.advance(renew_lease(worker, ""))
    file.close()
    retire_worker(worker)
    return worker


def held_by(folder: Path) -> Held:
    return check_history(folder)[1]


def test_an_empty_folder_takes_to_any_database(mailing: Mailing, tmp_path: Path) -> None:
    came_and_went(tmp_path / "here")
    assert held_by(tmp_path / "there") == {}
    assert Instance.objects.count() == 1


def test_it_holds_nothing_while_the_database_goes_on(mailing: Mailing, tmp_path: Path) -> None:
    for _worker in range(3):
        came_and_went(tmp_path)
        assert held_by(tmp_path) == {}
    Worker.objects.update(mark=F("mark") + 1)  # the file is behind where a worker is killed in between
    assert held_by(tmp_path) == {}


def test_it_keeps_the_marks_of_the_last_and_of_the_living(mailing: Mailing, tmp_path: Path) -> None:
    ended, living = came_and_went(tmp_path), register_worker("host", "boot")
    token = Instance.objects.get().token
    MarkFile(tmp_path, token, living).close()
    assert set(read_marks(tmp_path)) == {Mark(token, ended, 3), Mark(token, living, 0)}
    check_history(tmp_path)
    assert [mark.worker for mark in read_marks(tmp_path)] == [living]


@pytest.fixture(params=["behind", "missing"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of a worker that the database knows less of, or nothing."""
    worker = Worker.objects.filter(pk=came_and_went(tmp_path))
    if request.param == "behind":
        worker.update(mark=2)
    else:
        worker.delete()
    return tmp_path


def test_it_holds_what_runs_or_waits_for_its_time_and_says_why(owner: User, mailing: Mailing, older: Path) -> None:
    scheduled, paused, cancelled = (make_mailing(owner) for _mailing in range(3))
    draft = make_mailing(owner)
    change_status(scheduled.pk, "schedule", owner)
    for other, action in ((paused, "pause"), (cancelled, "cancel")):
        change_status(other.pk, "start", owner)
        change_status(other.pk, action, owner)
    assert held_by(older).keys() == {mailing.pk, scheduled.pk, paused.pk}
    found = dict(Mailing.objects.values_list("pk", "status"))
    assert [found[m.pk] for m in (mailing, scheduled, paused, cancelled, draft)] == [
        "paused",
        "draft",
        "paused",
        "cancelled",
        "draft",
    ]
    mailing.refresh_from_db()
    assert "older copy" in str(mailing.why)
    entry = AuditEntry.objects.get(mailing=mailing, action="hold")
    assert (entry.actor, entry.before, entry.after, entry.reason) == (None, "sending", "paused", RESTORED)


@with_many_writers
def test_it_holds_what_another_is_just_launching(owner: User, mailing: Mailing, older: Path) -> None:
    due = change_status(make_mailing(owner).pk, "schedule", owner)
    with committed_once_somebody_waits(run_schedule):
        assert held_by(older).keys() == {mailing.pk, due.pk}
    due.refresh_from_db()
    assert due.status == "paused"
    assert due.is_launched


@with_many_writers
def test_it_holds_the_others_where_somebody_is_just_deleting_one(owner: User, mailing: Mailing, older: Path) -> None:
    scheduled = change_status(make_mailing(owner).pk, "schedule", owner)
    with committed_once_somebody_waits(scheduled.delete):
        assert held_by(older).keys() == {mailing.pk}


def test_it_holds_once(owner: User, mailing: Mailing, older: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other_machine = tmp_path_factory.mktemp("other")
    MarkFile(other_machine, Instance.objects.get().token, 4711).close()
    assert held_by(older)
    change_status(mailing.pk, "resume", owner)
    assert held_by(older) == {}
    came_and_went(older)
    assert held_by(older) == {}
    assert held_by(other_machine) == {}


def test_it_holds_again_when_it_is_restored_again(owner: User, mailing: Mailing, older: Path) -> None:
    before = Instance.objects.get().token
    assert held_by(older)
    came_and_went(older)
    change_status(mailing.pk, "resume", owner)
    Instance.objects.update(token=before, forked_from="")
    assert held_by(older)


def test_it_holds_where_the_folder_belongs_to_another_database(mailing: Mailing, tmp_path: Path) -> None:
    MarkFile(tmp_path, "another", 1).close()
    assert {reason.code for reason in held_by(tmp_path).values()} == {OTHER_DATABASE}
    assert held_by(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"instance": 1}'])
def test_a_mark_that_cannot_be_read_says_nothing(mailing: Mailing, tmp_path: Path, text: str) -> None:
    (tmp_path / "7.json").write_text(text)
    assert held_by(tmp_path) == {}


def test_a_worker_claims_nothing_from_a_database_that_went_back(mailing: Mailing) -> None:
    worker = register_worker("host", "boot")
    claims, mark = claim_deliveries(worker, 0, 10)
    assert (len(claims), mark) == (10, 1)
    Worker.objects.update(mark=0)
    with pytest.raises(DatabaseWentBack):
        claim_deliveries(worker, mark, 10)
    Delivery.objects.update(worker=None)
    Worker.objects.all().delete()
    with pytest.raises(DatabaseWentBack):
        claim_deliveries(worker, mark, 10)
    assert Delivery.objects.filter(state="sending").count() == 10


def test_nothing_is_due_to_a_worker_that_the_database_does_not_know(mailing: Mailing) -> None:
    assert claim_deliveries(10**9, 0, 10) == ([], 0)
    assert not Delivery.objects.exclude(state="queued", worker=None).exists()


def test_nothing_is_taken_where_the_mark_was_lost_since_the_claim_began(mailing: Mailing) -> None:
    """As behind a pooler, which may have gone over to another copy between two statements."""
    worker = register_worker("host", "boot")
    assert take_due(mailing.pk, mailing.owner_id, (worker, 1), 10, db_now(), None) == []
    assert len(take_due(mailing.pk, mailing.owner_id, (worker, 0), 10, db_now(), None)) == 10


def test_it_refuses_to_go_on_where_it_cannot_mark(tmp_path: Path) -> None:
    (tmp_path / "instance").write_text("")
    with pytest.raises(JournalUnwritable, match="mark cannot be written"):
        MarkFile(tmp_path / "instance", "token", 1)


def test_a_journals_silence_proves_nothing_to_a_restored_database(mailing: Mailing, tmp_path: Path) -> None:
    """What it had told was recorded, and forgotten, after the backup was made."""
    worker = killed_worker(tmp_path / "journal", answered())
    Instance.objects.update_or_create(pk=1, defaults={"token": "new", "forked_from": ""})
    sweep_after_long_silence(tmp_path / "journal")
    assert set(states(mailing).values()) == {"uncertain"}
    assert not Delivery.objects.filter(worker=worker).exists()


def test_another_databases_journal_is_none(mailing: Mailing, tmp_path: Path) -> None:
    killed_worker(tmp_path, answered())
    Instance.objects.update_or_create(pk=1, defaults={"token": "new", "forked_from": "old"})
    with shifted(timedelta(minutes=2)):
        sweep_after_long_silence(tmp_path)
    assert list(tmp_path.glob("*.log"))


async def test_nobody_gets_it_again_until_a_person_resumes(
    owner: User, mailing: Mailing, site: Site, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.json"
    with SmtpServer(slow(0.005)) as server:
        site(server)
        await sync_to_async(retry_later)(mailing, 40)
        await send()
        await sync_to_async(call_command)("dumpdata", "core.user", "mailer", output=str(backup), verbosity=0)
        await sync_to_async(send_the_rest)(mailing)
        await send()
        assert len(accepted_by(server)) == 60
        await sync_to_async(restore)(backup)
        assert await sync_to_async(counted)(mailing) == {"sent": 20, "queued": 40}
        await sync_to_async(send_the_rest)(mailing)
        summary = await send()
        assert [reason.code for reason in summary.paused.values()] == [RESTORED]
        assert max(accepted_by(server).values()) == 1

        other = await sync_to_async(make_mailing)(owner)
        await sync_to_async(change_status)(other.pk, "start", owner)
        await send()
        assert (await sync_to_async(counted)(other)) == {"sent": 60}

        await sync_to_async(change_status)(mailing.pk, "resume", owner)
        await send()
        assert (await sync_to_async(counted)(mailing)) == {"sent": 60}


def retry_later(mailing: Mailing, n: int) -> None:
    """So many of its deliveries wait for an hour."""
    later = Delivery.objects.filter(mailing=mailing).order_by("-pk").values_list("pk", flat=True)[:n]
    Delivery.objects.filter(pk__in=list(later)).update(next_attempt_at=F("next_attempt_at") + timedelta(minutes=50))


def send_the_rest(mailing: Mailing) -> None:
    Delivery.objects.filter(mailing=mailing, state="queued").update(next_attempt_at=mailing.starts_at)


def restore(backup: Path) -> None:
    call_command("flush", interactive=False, verbosity=0)
    call_command("loaddata", str(backup), verbosity=0)
