"""Declared AI crawlers: who is on the list, who never is, and what three robots.txt parsers of others make of it."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.robotparser import RobotFileParser

import pytest
import robotstxt
from protego import Protego

from server.__main__ import main
from server.errors import Invalid
from server.models import Licence, Reservation
from server.rights import Rights, Subject, crawlers
from server.rights.channels.site import SITE_CHANNELS, robots
from server.rights.crawlers import LEFT_OUT, Purpose
from server.settings import Settings, load

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "rights-site"
CRAWLERS = crawlers.shipped().crawlers
SHIPPED = ROOT / "server" / "rights" / "vendor" / "ai.robots.txt" / "robots.json"
BASE = "https://art.example"
WORK = f"{BASE}/@ada/42-heron-at-dusk"
RESERVATION = f"{BASE}/.well-known/tdmrep.json"

# As they come. Each of the first kind is found under the name on the right.
AGENTS = {
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)": "GPTBot",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)": "ClaudeBot",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Claude-SearchBot/1.0; +searchbot@anthropic.com)": (
        "Claude-SearchBot"
    ),
    "CCBot/2.0 (https://commoncrawl.org/faq/)": "CCBot",
    "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (compatible; Bytespider; spider-feedback@bytedance.com)": (
        "Bytespider"
    ),
    "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)": "meta-externalagent",
    "Mozilla/5.0 (compatible; AI2Bot/1.0; +https://www.allenai.org/crawler)": "AI2Bot",
    "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 (compatible; img2dataset; +https://github.com/rom1504/img2dataset)": (
        "img2dataset"
    ),
    "mozilla/5.0 (compatible; gptbot/1.2)": "GPTBot",
    "Mozilla/5.0 (compatible; iaskspider/2.0; +https://iask.ai)": "iaskspider",
    "Kangaroo Bot": "Kangaroo Bot",
    "panscient.com": "panscient.com",
}
BYSTANDERS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Googlebot-Image/1.0",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15 (Applebot/0.1)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Twitterbot/1.0",
    "Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)",
    "http.rb/5.2.0 (Mastodon/4.3.2; +https://mastodon.example/)",
    # Servers of people whose names happen to be on the list, and addresses in which one stands.
    "http.rb/5.2.0 (Mastodon/4.3.2; +https://thinkbot.example/)",
    "Pixelfed (+https://gptbot.social)",
    "Misskey/2024.11 (https://art.example/@claudebot)",
    "akkoma 3.13; https://my-gptbot.example <gptbot@mail.example>",
    "NotGPTBot/1.0",
    "GPTBotanist/1.0",
    "thinkbot.social feed reader",
    "code operator spider",
    "",
]
NO, YES = (False, True), (True, True)
# rights 5.2: whether it may read a work, and the reservation itself.
MATRIX = {
    "GPTBot": NO,
    "ClaudeBot": NO,
    "CCBot": NO,
    "Google-Extended": NO,
    "Applebot-Extended": NO,
    "Bytespider": NO,
    "meta-externalagent": NO,
    "Googlebot": YES,
    "bingbot": YES,
    "Applebot": YES,
    "facebookexternalhit": YES,
    "Twitterbot": YES,
    "Baiduspider": YES,
    "Mastodon": YES,
}


def house(tier: Reservation) -> Rights:
    subject = Subject(
        title="Art House",
        page=f"{BASE}/",
        explained=f"{BASE}/rights",
        policy=f"{BASE}/rights/tdm-policy.json",
        actor=f"{BASE}/actor",
        profile=f"{BASE}/about",
        rsl=f"{BASE}/rights/rsl.xml",
        house=BASE,
    )
    return Rights(Licence.ARR, tier, "Art House", 2026, licence_stated=False, subject=subject)


def settings_in(folder: Path, **more: str) -> Settings:
    return load({"CARTELLINO_BASE_URL": BASE, **more}, folder)


def tokens(settings: Settings) -> list[str]:
    return [crawler.token for crawler in crawlers.blocked(settings)]


# -- the list ------------------------------------------------------------------------------------------------------------
def test_the_shipped_list_is_whole_and_says_where_it_is_from() -> None:
    entries = json.loads(SHIPPED.read_text("utf-8"))
    source = (SHIPPED.parent / "SOURCE.md").read_text("utf-8")
    assert f"all {len(entries)} entries" in source and len(entries) == 166
    assert re.search(r"`[0-9a-f]{40}`", source)
    assert "MIT License" in (SHIPPED.parent / "LICENSE").read_text("utf-8")


def test_every_entry_is_used_left_out_for_a_reason_or_another_spelling() -> None:
    used = {crawler.token.lower() for crawler in CRAWLERS}
    for name in json.loads(SHIPPED.read_text("utf-8")):
        plain = re.sub(r"[/ ][\d.]+$", "", name).lower()
        assert (plain in used) is not (plain in LEFT_OUT), name
    assert len(used) == len(CRAWLERS)  # none twice, whatever its case
    assert set(LEFT_OUT) <= {name.lower() for name in json.loads(SHIPPED.read_text("utf-8"))}


def test_each_set_has_whom_one_expects() -> None:
    sets = {crawler.token: crawler.set for crawler in CRAWLERS}
    assert sets["GPTBot"] is sets["CCBot"] is sets["Bytespider"] is sets["Google-Extended"] is Purpose.TRAINING
    assert sets["ChatGPT-User"] is sets["Perplexity-User"] is sets["Claude-User"] is Purpose.ANSWERS
    assert sets["OAI-SearchBot"] is sets["PerplexityBot"] is sets["Claude-SearchBot"] is Purpose.SEARCH
    assert sets["KunatoCrawler"] is Purpose.TRAINING  # nobody documented what it does


@pytest.mark.parametrize(("agent", "token"), AGENTS.items())
def test_who_says_who_they_are_is_found(agent: str, token: str) -> None:
    found = crawlers.shipped().find(agent)
    assert found is not None and found.token == token


@pytest.mark.parametrize("agent", BYSTANDERS)
def test_nobody_else_is_taken_for_one(agent: str) -> None:
    assert crawlers.shipped().find(agent) is None


def test_every_name_on_the_list_is_found_as_a_product_and_inside_a_comment() -> None:
    for crawler in CRAWLERS:
        for agent in (f"{crawler.token}/1.0", f"Mozilla/5.0 (compatible; {crawler.token.upper()}; +https://x.example)"):
            found = crawlers.shipped().find(agent)
            assert (found.token if found else None) == (crawler.token if crawler.matches else None), agent


def test_usage_tokens_stand_in_robots_txt_alone() -> None:
    quiet = {crawler.token for crawler in CRAWLERS if not crawler.matches}
    assert quiet == {"Google-Extended", "Applebot-Extended"}
    assert crawlers.shipped().find("Mozilla/5.0 (compatible; Google-Extended)") is None


def test_the_three_switches_switch_one_set_each(tmp_path: Path) -> None:
    usual = {crawler.set for crawler in crawlers.blocked(settings_in(tmp_path))}
    assert usual == {Purpose.TRAINING, Purpose.ANSWERS}
    for purpose in Purpose:
        off = {f"CARTELLINO_RIGHTS_BLOCK_{other.value.upper()}": "false" for other in Purpose}
        only = settings_in(tmp_path, **{**off, f"CARTELLINO_RIGHTS_BLOCK_{purpose.value.upper()}": "true"})
        assert {crawler.set for crawler in crawlers.blocked(only)} == {purpose}
        assert crawlers.blocked(settings_in(tmp_path, **off)) == []


# -- robots.txt as others read it ----------------------------------------------------------------------------------------
Reads = Callable[[str, str], bool]


def by_protego(text: str) -> Reads:
    parsed = Protego.parse(text)
    return lambda agent, url: bool(parsed.can_fetch(url, agent))


def by_the_standard_library(text: str) -> Reads:
    parser = RobotFileParser()
    parser.parse(text.splitlines())
    return parser.can_fetch


def by_google(text: str) -> Reads:
    return lambda agent, url: bool(robotstxt.RobotsMatcher().is_allowed(text, agent, url))


PARSERS = [by_protego, by_the_standard_library, by_google]


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("tier", list(Reservation))
def test_the_matrix_holds_with_each_parser(tier: Reservation, parser: Callable[[str], Reads], tmp_path: Path) -> None:
    may = parser(robots(house(tier), tokens(settings_in(tmp_path))))
    found = {agent: (may(agent, WORK), may(agent, RESERVATION)) for agent in MATRIX}
    assert found == MATRIX


@pytest.mark.parametrize("parser", PARSERS)
def test_everybody_on_the_list_is_kept_out_and_reads_the_terms(parser: Callable[[str], Reads], tmp_path: Path) -> None:
    names = tokens(settings_in(tmp_path))
    may = parser(robots(house(Reservation.NO_AI), names))
    # Google's parser knows letters, hyphens and underscores alone: the rest meets the door (rights 4).
    known = [name for name in names if parser is not by_google or re.fullmatch(r"[A-Za-z_-]+", name)]
    assert [name for name in known if may(name, WORK)] == []
    for path in ("/robots.txt", "/.well-known/tdmrep.json", "/rights", "/rights/rsl.xml", "/rights/tdm-policy.json"):
        assert [name for name in known if not may(name, BASE + path)] == [], path


@pytest.mark.parametrize("parser", PARSERS)
def test_the_trap_is_for_nobody_and_all_else_for_everybody(parser: Callable[[str], Reads], tmp_path: Path) -> None:
    everything_off = {f"CARTELLINO_RIGHTS_BLOCK_{purpose.value.upper()}": "false" for purpose in Purpose}
    may = parser(robots(house(Reservation.NO_AI), tokens(settings_in(tmp_path, **everything_off))))
    for agent in ("Googlebot", "Mastodon", "GPTBot"):
        assert may(agent, WORK) and may(agent, f"{BASE}/@ada/feed.atom")
        assert not may(agent, f"{BASE}/trap/x")


def test_google_reads_the_content_signal(tmp_path: Path) -> None:
    text = robots(house(Reservation.NO_AI), tokens(settings_in(tmp_path)))
    matcher = robotstxt.RobotsMatcher()
    assert matcher.is_allowed(text, "Googlebot", WORK)
    assert (matcher.allows_search, matcher.allows_ai_input, matcher.allows_ai_train) == (True, False, False)
    assert list(Protego.parse(text).sitemaps) == [f"{BASE}/sitemap.xml"]


def test_no_group_holds_an_empty_line_and_no_foreign_line_parts_its_agents(tmp_path: Path) -> None:
    text = robots(house(Reservation.NO_AI), tokens(settings_in(tmp_path)))
    groups = text.split("\n\n")
    assert len(groups) == 3
    for group in groups[:2]:
        lines = [line for line in group.splitlines() if not line.startswith("#")]
        agents = [line.startswith("User-agent:") for line in lines]
        assert agents == sorted(agents, reverse=True)
    assert groups[2].startswith("License: https://art.example/rights/rsl.xml\nSitemap: ")


# -- the other files -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", SITE_CHANNELS)
@pytest.mark.parametrize("tier", list(Reservation))
def test_every_file_says_what_its_golden_file_says(tier: Reservation, name: str) -> None:
    said = SITE_CHANNELS[name].write(house(tier), ["GPTBot", "ClaudeBot", "Google-Extended"])
    file = GOLDEN / f"{tier}.{name}.txt"
    if os.environ.get("CARTELLINO_TEST_GOLDEN") == "write":
        file.write_text(said, "utf-8")
    assert file.read_text("utf-8") == said


def test_no_golden_file_is_left_over() -> None:
    wanted = {f"{tier}.{name}.txt" for tier in Reservation for name in SITE_CHANNELS}
    assert {file.name for file in GOLDEN.iterdir()} == wanted


# -- a newer list --------------------------------------------------------------------------------------------------------
def newer(**more: Any) -> str:
    entries = json.loads(SHIPPED.read_text("utf-8"))
    return json.dumps(entries | more)


def test_a_newer_list_is_used_by_everybody_from_then_on(tmp_path: Path) -> None:
    settings, file = settings_in(tmp_path / "data"), tmp_path / "robots.json"
    entry = {"operator": "[New](https://new.example)", "respect": "No", "function": "AI Assistants", "frequency": ""}
    file.write_text(newer(BrandNewBot=entry, Facebookexternalhit=entry), "utf-8")
    assert crawlers.in_use(settings).find("BrandNewBot/1.0") is None
    crawlers.update(settings, file)
    found = crawlers.in_use(settings).find("BrandNewBot/1.0")
    assert found is not None and (found.operator, found.set) == ("New", Purpose.ANSWERS)
    assert "BrandNewBot" in tokens(settings)
    assert crawlers.in_use(settings).find("facebookexternalhit/1.1") is None  # what is left out stays out
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["crawlers.json"]
    file.write_text(newer(), "utf-8")
    crawlers.update(settings, file)
    assert crawlers.in_use(settings).find("BrandNewBot/1.0") is None


ENTRY = {"operator": "X", "function": "Y"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "no JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b"[]", "one object"),
        (b'{"GPTBot": {"operator": "OpenAI", "function": "x"}}', "not whole"),
        (newer(**{"Evil\nAllow: /": ENTRY}).encode(), "cannot be the name"),
        (newer(**{"*": ENTRY}).encode(), "cannot be the name"),
        (newer(**{"": ENTRY}).encode(), "cannot be the name"),
        (newer(Bot="words").encode(), "not an object"),
        (newer(Bot={"operator": "X"}).encode(), "no text in “function”"),
        (newer(Bot={"operator": None, "function": "Y"}).encode(), "no text in “operator”"),
        (b" " * (crawlers.LARGEST + 1), "larger than"),
    ],
)
def test_what_is_no_list_is_refused_in_a_sentence(content: bytes, words: str, tmp_path: Path) -> None:
    settings, file = settings_in(tmp_path / "data"), tmp_path / "robots.json"
    file.write_bytes(content)
    with pytest.raises(Invalid) as refused:
        crawlers.update(settings, file)
    assert words in refused.value.fields["file"]
    assert not (tmp_path / "data" / "crawlers.json").exists()


def test_a_damaged_list_of_the_house_gives_way_to_the_shipped_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_in(tmp_path)
    (tmp_path / "crawlers.json").write_text("{ half", "utf-8")
    assert crawlers.in_use(settings).find("GPTBot/1.0") is not None
    assert crawlers.in_use(settings).find("GPTBot/1.0") is not None
    assert [record.message for record in caplog.records] == ["crawlers.unreadable"]


def test_the_command_takes_a_file_over_and_prints_what_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARTELLINO_DATA_DIR", str(tmp_path / "data"))
    file = tmp_path / "robots.json"
    file.write_text(newer(BrandNewBot=ENTRY), "utf-8")
    assert main(["crawlers", "update", str(file)]) == 0
    assert f"{len(CRAWLERS) + 1} crawlers" in capsys.readouterr().err
    assert main(["crawlers", "list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert "GPTBot\ttraining\tturned away\tOpenAI" in listed and "OAI-SearchBot\tsearch\tlet in\tOpenAI" in listed
    assert "BrandNewBot\ttraining\tturned away\tX" in listed
    file.write_text("{", "utf-8")
    assert main(["crawlers", "update", str(file)]) == 1
    assert "no JSON" in capsys.readouterr().err
    assert main(["crawlers", "update", str(tmp_path / "none.json")]) == 1
    assert "none.json" in capsys.readouterr().err
