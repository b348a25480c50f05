"""The pages of the console: journal, exchange, players, sessions, findings, undelivered, latency."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from simulator.core.mappings import WHOLE_MAX, Fields
from simulator.core.money import Money, money_text
from simulator.core.webhooks import Method
from simulator.law.rules import UnknownRule, rule
from simulator.report.languages import REPORTS, texts_in
from simulator.serve.answers import Denied, ErrorCode, answer
from simulator.serve.causes import fix_of
from simulator.serve.console.access import Access
from simulator.serve.console.connect import PLAYER, add_connect_page, is_untouched, latest_player
from simulator.serve.console.control import (
    PlayerRow,
    control_blueprint,
    player_rows,
    session_json,
)
from simulator.serve.console.control_findings import CAUSE_FILTERS, cause_filter_of
from simulator.serve.console.explorer import add_explorer_page
from simulator.serve.console.exports import code_of, request_headers
from simulator.serve.console.frame import Frame, add_guard, add_login, guard_page, shown_body
from simulator.serve.console.plots import (
    CANVASES,
    HEIGHT,
    STRIP,
    STRIP_SPACE,
    LanePlot,
    balance_plot,
    lane_plot,
    latency_columns,
    latency_plot,
)
from simulator.serve.console.requests import add_request_pages
from simulator.serve.entries import SHARES, Entry, Filter, percentiles
from simulator.serve.fields import FILTERS, WORDS, filter_of, lang_wanted, query_of, resumed_at
from simulator.serve.journal import ANSWERED_MAX, Journal, Span
from simulator.serve.obligations import Obligation, State
from simulator.serve.play.seats import Seats
from simulator.serve.state import ServerState, derived_key
from simulator.serve.streams import Feed, Row
from simulator.wire.profiles import DOCUMENTED_FIELDS

ROWS = 100

BACKLOG_MAX = 1000
"""A page that is further behind reads the list anew instead of being sent all of it."""

SESSIONS_SHOWN = 500

ATTEMPTS_SHOWN = 50

OVERLAPS_SHOWN = 5

_VIEW = ("part", "before")


def add_journal_pages(routes: Blueprint, frame: Frame) -> None:
    """Add the list of exchanges, and the route for more of its rows."""
    state = frame.state
    journal = state.delivery.journal

    @routes.get("/")
    def journal_page() -> BaseResponse:
        fields = query_of(request, *FILTERS, *_VIEW)
        wanted = filter_of(fields)
        if is_untouched(state) and _is_entered():
            return redirect("/console/connect")
        return frame.page(
            "journal.html",
            wanted=asdict(wanted),
            words=WORDS,
            agents=[agent.code for agent in state.agents.all()],
            entries=_rows(frame, fields, wanted),
            page_size=ROWS,
            total=journal.count(),
            room=journal.room,
            # A search for text reads row by row, which takes too long to count.
            found=None if wanted.text else journal.count(wanted),
        )

    @routes.get("/console/rows")
    def journal_rows() -> Response:
        fields = query_of(request, *FILTERS, *_VIEW)
        entries = _rows(frame, fields, filter_of(fields))
        return frame.page("rows.html", entries=entries, page_size=ROWS)


def add_news(routes: Blueprint, frame: Frame) -> None:
    """Add the changes of the journal: as a stream, and for pages without a stream."""
    state = frame.state

    @routes.get("/console/events")
    def journal_events() -> Response:
        told = state.streams.open(_feed(frame).events, request.environ)
        if told is None:
            raise Denied(ErrorCode.PLACES_TAKEN)
        return told

    @routes.get("/console/news")
    def journal_news() -> Response:
        news = _feed(frame).now(BACKLOG_MAX)
        return answer({"reset": news.is_reset, "change": news.change, "rows": news.rows})


def add_exchange_page(routes: Blueprint, frame: Frame) -> None:
    """Add the page of one exchange."""
    state = frame.state
    journal = state.delivery.journal

    @routes.get("/console/exchange/<int:number>")
    def exchange_page(number: int) -> Response:
        query_of(request, *_VIEW)
        entry = journal.entry(number) if number <= WHOLE_MAX else None
        if entry is None:
            return frame.page("not_found.html", status=404)
        transaction_id, reply = entry.request.transaction_id, entry.reply
        same = Filter(agent=entry.agent, transaction_id=transaction_id or "")
        attempts = journal.latest(same, limit=ATTEMPTS_SHOWN) if transaction_id else [entry]
        return frame.page(
            "exchange.html",
            entry=entry,
            request_headers=request_headers(entry, state.agents),
            request_body=shown_body(entry.call.exchange.wire.body),
            reply_body=shown_body(b"" if reply is None else reply.body),
            code=code_of(entry, state.agents),
            attempts=list(reversed(attempts)),
            overlaps=overlaps_of(entry, journal),
            fixes={each.rule: fix_of(each.rule) for each in entry.findings},
        )


def add_player_pages(routes: Blueprint, frame: Frame) -> None:
    """Add the pages of all players, and of one player's balances."""
    state = frame.state
    journal = state.delivery.journal

    @routes.get("/console/players")
    def players_page() -> Response:
        query_of(request, *_VIEW)
        found = player_rows(state)
        off = [each.standing.difference for each in found if each.standing and each.standing.difference]
        return frame.page(
            "players.html",
            players=sorted(found, key=PlayerRow.by_difference),
            agents=len(state.agents.all()),
            off=len(off),
            over=Money(sum(each for each in off if each > 0)),
            short=Money(sum(-each for each in off if each < 0)),
        )

    @routes.get("/console/player")
    def player_page() -> Response:
        fields = query_of(request, "agent", "player", *_VIEW)
        agent, player = fields.text("agent"), fields.text("player")
        points = journal.balances(agent, player)
        return frame.page(
            "player.html",
            agent=agent,
            player=player,
            points=points,
            plots=[plot for each in CANVASES if (plot := balance_plot(points, each))],
            height=HEIGHT,
            strip=STRIP_SPACE + STRIP,
            overlaps=[_lanes(each) for each in journal.overlaps(agent, player)[:OVERLAPS_SHOWN]],
            standing=state.delivery.referees.standing((agent, player)),
        )


def add_session_page(routes: Blueprint, frame: Frame) -> None:
    """Add the page of the sessions."""
    state = frame.state

    @routes.get("/console/sessions")
    def sessions_page() -> Response:
        player = query_of(request, "player", *_VIEW).text("player", "")
        sessions = state.sessions.all()
        latest = sessions[-SESSIONS_SHOWN:]
        shown = [session_json(each, state) for each in reversed(latest)]
        return frame.page(
            "sessions.html",
            sessions=shown,
            session_count=len(sessions),
            player=player or latest_player(state),
            paths={each.id: f"/play/{each.token}" for each in latest},
            agents=state.agents.all(),
            games=state.catalogue.games[:SESSIONS_SHOWN],
            calls=state.delivery.wallet_calls,
        )


def add_finding_pages(routes: Blueprint, frame: Frame) -> None:
    """Add the page of findings, and the page of a rule, to which they link."""
    delivery = frame.state.delivery

    @routes.get("/console/findings")
    def findings_page() -> Response:
        fields = query_of(request, *CAUSE_FILTERS, *_VIEW)
        causes = delivery.causes.all(**cause_filter_of(fields))
        verdict = delivery.causes.verdict()
        wanted = {name: fields.text(name, "") for name in CAUSE_FILTERS}
        return frame.page(
            "findings.html",
            causes=causes,
            titles={each.cause: each.title for each in causes},
            verdict=verdict,
            dismissed=len(verdict.causes) - len(delivery.causes.all() if any(wanted.values()) else causes),
            wanted=wanted,
            agents=[agent.code for agent in frame.state.agents.all()],
        )

    @routes.get("/console/rules/<rule_id>")
    def rule_page(rule_id: str) -> Response:
        query_of(request, *_VIEW)
        lang = lang_wanted(request)
        try:
            shown = rule(rule_id, lang)
        except UnknownRule:
            return frame.page("not_found.html", status=404, why="not_found_rule")
        return frame.page("rule.html", rule=shown, words=texts_in(REPORTS, lang))


def add_call_pages(routes: Blueprint, frame: Frame) -> None:
    """Add the pages of undelivered calls and of latencies."""
    delivery = frame.state.delivery
    journal = delivery.journal

    @routes.get("/console/undelivered")
    def undelivered_page() -> Response:
        query_of(request, *_VIEW)
        pending, undelivered = delivery.pending()[:ROWS], delivery.undelivered()[:ROWS]
        return frame.page(
            "undelivered.html",
            pending=pending,
            undelivered=undelivered,
            latest={each.number: _latest_attempt(each, journal) for each in (*pending, *undelivered)},
            pending_count=delivery.owing(State.DUE),
            now_ms=frame.state.clock.now_ms(),
        )

    @routes.get("/console/latency")
    def latency_page() -> Response:
        fields = query_of(request, *FILTERS, *_VIEW)
        wanted = filter_of(fields)
        calls, counts = journal.answered(wanted), journal.latencies(wanted)
        return frame.page(
            "latency.html",
            wanted=asdict(wanted),
            words=WORDS,
            agents=[agent.code for agent in frame.state.agents.all()],
            latencies=percentiles(calls),
            shares=SHARES,
            over_time=[plot for each in CANVASES if (plot := latency_plot(calls, each))],
            most=ANSWERED_MAX,
            columns=[(each, latency_columns(counts, each)) for each in CANVASES],
            height=HEIGHT,
        )


def _latest_attempt(owed: Obligation, journal: Journal) -> Entry | None:
    same = Filter(agent=owed.agent, method=owed.method.value, transaction_id=owed.transaction_id)
    return next(iter(journal.latest(same, limit=1)), None)


def add_compose_page(routes: Blueprint, frame: Frame) -> None:
    """Add the page that composes one webhook, empty or with the fields of an exchange."""
    state = frame.state

    @routes.get("/console/compose")
    def compose_page() -> Response:
        fields = query_of(request, "number", *_VIEW)
        number = fields.whole("number", 0)
        entry = state.delivery.journal.entry(number) if 0 < number <= WHOLE_MAX else None
        agents = [agent.code for agent in state.agents.all()]
        values = {"agent": agents[0] if agents else "", "user_id": PLAYER, "amount": "1.00"}
        values |= {"method": Method.BET, "game_id": state.catalogue.games[0].id}
        if entry is not None:
            sent = entry.request
            known = {"amount": money_text(sent.amount), "game_id": sent.game_id}
            values |= {"agent": entry.agent, "method": sent.method, "user_id": sent.player}
            values |= {name: value for name, value in known.items() if value}
            values["transaction_id"] = sent.transaction_id or ""
        documented = {method.value: list(DOCUMENTED_FIELDS[method]) for method in Method}
        return frame.page("compose.html", values=values, fields=documented, agents=agents)


def overlaps_of(entry: Entry, journal: Journal) -> list[list[LanePlot]]:
    """Return the calls of the player that were under way together with this one, if there are any."""
    if not entry.request.player:
        return []
    groups = journal.overlaps(entry.agent, entry.request.player, around=entry.number)
    return [_lanes(group) for group in groups if entry.number in [each.number for each in group]]


def _lanes(group: list[Span]) -> list[LanePlot]:
    return [lane_plot(group, each) for each in CANVASES]


def _is_entered() -> bool:
    """Return whether a browser comes from elsewhere; the links of the console lead where they say."""
    return not request.args and request.headers.get("Sec-Fetch-Site") in ("none", "cross-site")


def _rows(frame: Frame, fields: Fields, wanted: Filter) -> list[Entry]:
    before = fields.whole("before", low=1) if "before" in fields else None
    return frame.state.delivery.journal.latest(wanted, before=before, limit=ROWS)


def _feed(frame: Frame) -> Feed:
    journal = frame.state.delivery.journal
    fields = query_of(request, *FILTERS, "since", *_VIEW)
    resumed = resumed_at(request)
    since = fields.whole("since", journal.change) if resumed is None else resumed
    wanted, row = filter_of(fields), frame.row()

    def rows(found: list[Entry]) -> list[Row]:
        """Return the rows; an entry that no longer passes the filter has no HTML, and pages remove it."""
        numbers = {each.number for each in found}
        if wanted != wanted.standing:
            numbers = journal.matching(numbers, wanted)
        return [
            {
                "number": each.number,
                "change": each.change,
                "html": row(each) if each.number in numbers else None,
            }
            for each in found
        ]

    return Feed(journal, wanted.standing, since, rows, backlog_max=BACKLOG_MAX)


# --- the blueprints -------------------------------------------------------------------------------


def console_blueprints(state: ServerState, seats: Seats) -> tuple[Blueprint, ...]:
    """Return the pages at `/` and below `/console`, and the control API below `/_sim`, behind one guard."""
    access = Access(
        token=state.settings.admin_token,
        key=derived_key(state.access_key, "console"),
        public_url=state.public_url,
        hosts=frozenset({state.settings.host.lower(), *state.settings.console_hosts}),
    )
    return page_blueprint(state, access), control_blueprint(state, access, seats)


def page_blueprint(state: ServerState, access: Access) -> Blueprint:
    """Return the pages of the console and their static files."""
    routes = Blueprint(
        "console",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/console/static",
    )
    frame = Frame(state, access)
    add_guard(routes, frame, access)
    routes.before_request(frame.note_change)
    routes.after_request(guard_page)
    add_login(routes, frame, access)
    add_journal_pages(routes, frame)
    add_news(routes, frame)
    add_exchange_page(routes, frame)
    add_player_pages(routes, frame)
    add_session_page(routes, frame)
    add_finding_pages(routes, frame)
    add_call_pages(routes, frame)
    add_request_pages(routes, frame)
    add_explorer_page(routes, frame)
    add_connect_page(routes, frame)
    add_compose_page(routes, frame)

    @routes.get("/console/<_page>")
    def no_page(_page: str) -> Response:
        return frame.page("not_found.html", status=404, why="not_found_page")

    return routes
