"""The `cartellino` command: what can be typed, and how it ends. An error is exit 1 and one sentence on stderr."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from server import commands, log, migrations, release, serving, settings
from server.errors import Invalid, Problem
from server.models import AccountState, Audience, Licence, Rating, Reservation, Role, SourceType
from server.settings import Settings, SettingsError

Command = Callable[[Settings, argparse.Namespace], Awaitable[None]]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the process's exit code."""
    wanted = parser().parse_args(arguments)
    try:
        chosen = settings.load()
        log.setup(json_lines=chosen.log.json_lines, level=wanted.log_level or chosen.log.level)
        asyncio.run(wanted.run(chosen, wanted))
    except Invalid as wrong:
        print("\n".join(wrong.fields.values()) or str(wrong), file=sys.stderr)
    except (Problem, SettingsError, migrations.TooNew, serving.CannotServe) as wrong:
        print(wrong, file=sys.stderr)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as wrong:
        print(f"{wrong.filename}: {wrong.strerror}.", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    else:
        return int(getattr(wanted, "exit_code", 0))
    return 1


def parser() -> argparse.ArgumentParser:
    """The whole command line, in one place."""
    top = argparse.ArgumentParser("cartellino", description="A gallery of its artists’ own, on the fediverse.")
    top.add_argument("--version", action="version", version=f"Cartellino {release.version()}")
    top.set_defaults(log_level="")
    verbs = top.add_subparsers(required=True, metavar="COMMAND")

    def verb(name: str, run: Command, text: str, under: "argparse._SubParsersAction[argparse.ArgumentParser]" = verbs,
             quiet: bool = True) -> argparse.ArgumentParser:  # fmt: skip
        made = under.add_parser(name, help=text, description=text)
        made.set_defaults(run=run, log_level="warning" if quiet else "")
        return made

    verb("serve", commands.serve, "Run the server, with its worker unless jobs.inside_serve is off.", quiet=False)
    verb("worker", commands.work, "Run only the worker: it prepares images and sends letters.", quiet=False)
    verb("migrate", commands.migrate, "Bring the database to the state that this version needs.")
    check = verb(
        "doctor", commands.examine, "Look at everything that could keep this server from working, and say it in words."
    )
    check.add_argument("--json", action="store_true", help="one JSON object per finding")
    show = verb("config", commands.config, "Print every setting with its default and its meaning, as config.toml.")
    show.add_argument("--markdown", action="store_true", help="print docs/settings.md instead")
    verb(
        "demo",
        commands.demonstrate,
        "Run a populated server to look around in; its data lies in DATA/demo.",
        quiet=False,
    )

    post = verb("post", commands.post_work, "Hang a work; prints the address of its page.")
    post.add_argument("files", nargs="+", type=Path, metavar="FILE")
    post.add_argument("--as", dest="handle", required=True, metavar="NAME", help="whose work it is")
    post.add_argument("--title", default="")
    post.add_argument(
        "--alt", action="append", default=[], metavar="TEXT", help="description of an image, in file order"
    )
    post.add_argument("--description", default="")
    post.add_argument("--tag", action="append", default=[])
    post.add_argument("--gallery", action="append", default=[], help="name of a gallery; made if there is none")
    post.add_argument("--audience", choices=list(Audience), type=Audience)
    post.add_argument("--licence", choices=list(Licence), type=Licence)
    post.add_argument("--reservation", choices=list(Reservation), type=Reservation)
    post.add_argument("--rating", choices=list(Rating), type=Rating, default=Rating.GENERAL)
    post.add_argument("--warning", default="", metavar="TEXT", help="content warning")
    post.add_argument("--source-type", choices=list(SourceType), type=SourceType, help="how the work came to be")
    post.add_argument(
        "--objection", default="", metavar="TEXT", help="why a generator’s mark in a file is wrong, for the moderators"
    )
    post.add_argument("--no-wait", action="store_true", help="do not wait until the images are prepared")

    people = verbs.add_parser("user", help="People: create, list, approve, reject, password, role, token, suspend, …")
    users = people.add_subparsers(required=True, metavar="COMMAND")
    create = verb("create", commands.create_user, "Make an active account.", users)
    create.add_argument("handle", metavar="NAME")
    create.add_argument("--email", required=True)
    create.add_argument("--password-file", type=Path, metavar="FILE", help="its first line is the password")
    create.add_argument("--role", choices=list(Role), type=Role, default=Role.MEMBER)
    create.add_argument("--name", default="", help="name to show; the handle where it is not given")
    listing = verb("list", commands.list_users, "Print everybody: handle, state, role, e-mail.", users)
    listing.add_argument("--state", choices=list(AccountState), type=AccountState)
    for name, run, text in (
        ("approve", commands.approve_user, "Let somebody in who asked to join."),
        ("reject", commands.reject_user, "Turn somebody away who asked to join."),
        ("password", commands.password_user, "Set a new password; every session and token of theirs ends."),
        ("role", commands.role_user, "Change what somebody may do."),
        ("token", commands.token_user, "Make a token for the client API and print it; it cannot be shown again."),
    ):
        made = verb(name, run, text, users)
        made.add_argument("handle", metavar="NAME")
        if name == "password":
            made.add_argument("--password-file", type=Path, metavar="FILE", help="its first line is the password")
        if name == "role":
            made.add_argument("role", choices=list(Role), type=Role)
        if name == "reject":
            made.add_argument("--reason", default="", help="one sentence for them")
    for name, run, text in (
        (
            "suspend",
            commands.suspend_user,
            "Show nothing of somebody any more, who lives here or elsewhere (NAME@DOMAIN).",
        ),
        ("unsuspend", commands.unsuspend_user, "Show somebody again who was suspended."),
    ):
        made = verb(name, run, text, users)
        made.add_argument("handle", metavar="NAME")
        made.add_argument("--reason", default="", help="why, for the log of decisions")
    rotate = verb(
        "rotate-keys", commands.rotate_keys, "Give somebody, or the house, new keys and tell other servers.", users
    )
    whose = rotate.add_mutually_exclusive_group(required=True)
    whose.add_argument("handle", metavar="NAME", nargs="?", default="")
    whose.add_argument(
        "--house", action="store_true", help="the house itself, which signs what is fetched and reported"
    )

    known = verbs.add_parser("crawlers", help="AI crawlers that say who they are: list, update.")
    rolls = known.add_subparsers(required=True, metavar="COMMAND")
    verb(
        "list", commands.list_crawlers, "Print the crawlers in use: name, set, turned away or let in, operator.", rolls
    )
    newer = verb(
        "update", commands.update_crawlers, "Use a newer robots.json of ai.robots.txt from a local file.", rolls
    )
    newer.add_argument("file", type=Path, metavar="FILE")

    sealing = verbs.add_parser("seal", help="The house’s seal, which signs what files say of rights: show, rotate.")
    wax = sealing.add_subparsers(required=True, metavar="COMMAND")
    verb(
        "show",
        commands.show_seal,
        "Print who seals, until when, and the root certificate by which others know it.",
        wax,
    )
    verb(
        "rotate", commands.rotate_seal, "Seal with a new key, and anew what was sealed before, in the background.", wax
    )

    others = verbs.add_parser("host", help="Other servers: list, suspend, limit, allow, pause, resume, retry, forget.")
    servers = others.add_subparsers(required=True, metavar="COMMAND")
    verb(
        "list",
        commands.list_hosts,
        "Print servers with a rule, a queue or trouble: name, rule, state, waiting, reason.",
        servers,
    )
    for name, run, text in (
        ("suspend", commands.suspend_host, "Exchange nothing with a server and all below its name; follows end."),
        ("limit", commands.limit_host, "Show a server’s people only to those who follow them."),
        ("allow", commands.allow_host, "Remove the rule for a server. Follows do not come back by themselves."),
        ("pause", commands.pause_host, "Send nothing to a server; what is for it waits here."),
        ("resume", commands.resume_host, "Send to a server again that was paused."),
        ("retry", commands.retry_host, "Try now what waits for a server, whatever happened before."),
        ("forget", commands.forget_host, "Give up what waits for a server: it never learns of it."),
    ):
        made = verb(name, run, text, servers)
        made.add_argument("host", metavar="NAME")
        if name in ("suspend", "limit", "allow"):
            made.add_argument("--reason", default="", help="why, for the log of decisions")
        if name in ("suspend", "limit"):
            made.add_argument("--public-reason", default="", metavar="TEXT", help="names it on the about page")
            made.add_argument("--no-media", action="store_true", help="do not fetch its pictures")
    return top


if __name__ == "__main__":
    sys.exit(main())
