import "./incidents.css";
import "./silences.css";
import { Button } from "@mantine/core";
import { errorText } from "@pharos/base";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { hasWords, wordsOf } from "./alert-filter.ts";
import { AlertsNav } from "./alerts-nav.tsx";
import { useApi } from "./api-context.ts";
import { useCommand } from "./commands.tsx";
import { Dialog } from "./dialog.tsx";
import { FilterButton, toggled } from "./filter-button.tsx";
import { BellOffIcon, CheckIcon, ClockIcon, PlusIcon } from "./icons.tsx";
import { Note } from "./note.tsx";
import { QueryError } from "./query-error.tsx";
import { SearchField } from "./search-field.tsx";
import type { SearchParams } from "./search-params.ts";
import { againLink, formatMatchers, formatOne } from "./silence-draft.ts";
import { expireSilence, listSilences } from "./silence-requests.ts";
import {
  bySilenceState,
  recurrenceText,
  SILENCE_STATES,
  type Silence,
  type SilenceState,
} from "./silence-state.ts";
import { formatAge, formatDateTime, formatShortDateTime, formatZone } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";
import { useKeptParams, useTimeZone, useUrlState } from "./url-state.ts";
import { useNow } from "./use-now.ts";

const REFRESH_MS = 5000;

/** Which silences are shown; all of it is in the URL. */
interface SilenceFilter {
  /** Empty: those that are not over. */
  readonly states: readonly SilenceState[];
  readonly text: string;
}

function readFilter(params: SearchParams): SilenceFilter {
  const wanted = new Set((params["state"] ?? "").split(","));
  return {
    states: SILENCE_STATES.filter((state) => wanted.has(state)),
    text: params["q"] ?? "",
  };
}

function writeFilter({ states, text }: SilenceFilter): SearchParams {
  return {
    ...(states.length > 0 ? { state: states.join(",") } : {}),
    ...(text === "" ? {} : { q: text }),
  };
}

const STATES = {
  active: { name: "Active", tone: "amber", Icon: BellOffIcon },
  pending: { name: "Pending", tone: "grey", Icon: ClockIcon },
  expired: { name: "Expired", tone: "grey", Icon: CheckIcon },
} as const satisfies Record<SilenceState, object>;

/** What is hidden from people, by whom, why and until when. */
export function SilencesPage() {
  const api = useApi();
  const kept = useKeptParams();
  const [filter, setFilter] = useUrlState(readFilter, writeFilter);
  const [zone] = useTimeZone();
  const nowMs = useNow(1000);
  const [expiring, setExpiring] = useState<Silence>();
  const { data, error, refetch } = useQuery({
    queryKey: ["silences"],
    queryFn: ({ signal }) => listSilences(api.transport, signal),
    refetchInterval: REFRESH_MS,
  });
  useCommand("refresh", () => void refetch());
  const shown = useMemo(() => passing(data ?? [], filter), [data, filter]);
  const count = (state: SilenceState) => (data ?? []).filter((one) => one.state === state).length;

  return (
    <>
      <AlertsNav />
      <main className="page">
        <div className="page__bar">
          <h1>Silences</h1>
          <div className="filters">
            {SILENCE_STATES.map((state) => {
              const { name, tone, Icon } = STATES[state];
              return (
                <FilterButton
                  key={state}
                  name={name}
                  count={count(state)}
                  tone={tone}
                  icon={<Icon />}
                  pressed={filter.states.includes(state)}
                  onClick={() => setFilter({ ...filter, states: toggled(filter.states, state) })}
                />
              );
            })}
          </div>
          <div className="page__spring" />
          <SearchField
            label="Search labels, authors, comments"
            text={filter.text}
            onChange={(text) => setFilter({ ...filter, text }, { replace: true })}
          />
          <Button
            size="compact-md"
            leftSection={<PlusIcon />}
            renderRoot={(props) => (
              <Link to="/silences/$id" params={{ id: "new" }} search={kept} {...props} />
            )}
          >
            New silence
          </Button>
        </div>
        {error !== null && <QueryError error={error} expr="" />}
        {data === undefined && error === null && (
          <div className="empty">Waiting for the silences …</div>
        )}
        {data !== undefined && shown.length === 0 && (
          <div className="card empty">
            {filter.states.length === 0 && filter.text === ""
              ? "Nothing is silenced."
              : "No silence passes these filters."}
          </div>
        )}
        {shown.length > 0 && (
          <div className="card">
            <table className="grid-table incidents silences">
              <thead>
                <tr>
                  <th scope="col">State</th>
                  <th scope="col">Hides</th>
                  <th scope="col">Until</th>
                  <th scope="col">By</th>
                  <th scope="col">
                    <span className="visually-hidden">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {shown.map((silence) => (
                  <SilenceRow
                    key={silence.id}
                    silence={silence}
                    nowMs={nowMs}
                    zone={zone}
                    onExpire={() => setExpiring(silence)}
                  />
                ))}
              </tbody>
            </table>
          </div>
        )}
        {expiring !== undefined && (
          <ExpireDialog silence={expiring} onClose={() => setExpiring(undefined)} />
        )}
      </main>
    </>
  );
}

function passing(silences: readonly Silence[], { states, text }: SilenceFilter): Silence[] {
  const words = wordsOf(text);
  return silences
    .filter(({ state }) =>
      states.length === 0 ? state !== "expired" || words.length > 0 : states.includes(state),
    )
    .filter(({ comment, createdBy, id, matchers }) =>
      hasWords([id, createdBy, comment, formatMatchers(matchers)].join("\n"), words),
    )
    .sort(bySilenceState);
}

function SilenceRow(props: {
  silence: Silence;
  nowMs: number;
  zone: TimeZone;
  onExpire: () => void;
}) {
  const { nowMs, silence, zone } = props;
  const kept = useKeptParams();
  const { tone, Icon } = STATES[silence.state];
  const isOver = silence.state === "expired";
  return (
    <tr>
      <td>
        <span className={`chip chip--${tone}`}>
          <Icon size={12} />
          {silence.state}
        </span>
      </td>
      <td className="incident__what">
        <Link
          className="silence__matchers"
          to="/silences/$id"
          params={{ id: silence.id }}
          search={kept}
        >
          {silence.matchers.map((matcher) => (
            <span key={formatOne(matcher)} className="label">
              <b>
                {matcher.name}
                {matcher.operator}
              </b>
              {matcher.value}
            </span>
          ))}
        </Link>
        {silence.comment !== "" && <span className="incident__summary">{silence.comment}</span>}
      </td>
      <td className="incident__since">
        <SilenceTimes silence={silence} nowMs={nowMs} zone={zone} />
      </td>
      <td>{silence.createdBy}</td>
      <td className="incident__who">
        {isOver ? (
          <Button
            size="compact-sm"
            variant="default"
            renderRoot={(root) => (
              <Link
                to="/silences/$id"
                params={{ id: "new" }}
                search={{ ...againLink(silence), ...kept }}
                {...root}
              />
            )}
          >
            Again
          </Button>
        ) : (
          <Button size="compact-sm" variant="default" onClick={props.onExpire}>
            Expire
          </Button>
        )}
      </td>
    </tr>
  );
}

function SilenceTimes({
  silence,
  nowMs,
  zone,
}: {
  silence: Silence;
  nowMs: number;
  zone: TimeZone;
}) {
  const { endsAtMs, recurrence, startsAtMs, state } = silence;
  const title = `${formatDateTime(startsAtMs, zone)} to ${formatDateTime(endsAtMs, zone)}`;
  const until = formatShortDateTime(endsAtMs, zone);
  return (
    <span title={title}>
      {recurrence !== undefined && state !== "expired" && (
        <>
          {recurrenceText(recurrence.rrule)}
          <span className="incident__summary">
            for {formatAge(recurrence.durationMs)}, from{" "}
            {startText(startsAtMs, recurrence.timeZone)} on ({formatZone(recurrence.timeZone)}), the
            last time {until.slice(0, 10)}
          </span>
        </>
      )}
      {recurrence === undefined &&
        state === "pending" &&
        `from ${formatShortDateTime(startsAtMs, zone)}`}
      {recurrence === undefined && state === "active" && (
        <>
          {until} <span className="dim">in {formatAge(endsAtMs - nowMs)}</span>
        </>
      )}
      {state === "expired" && (
        <>
          {until} <span className="dim">{formatAge(nowMs - endsAtMs)} ago</span>
        </>
      )}
    </span>
  );
}

/** The time of the day at which windows begin. */
function startText(startsAtMs: number, zone: TimeZone): string {
  return formatShortDateTime(startsAtMs, zone).slice(11);
}

function ExpireDialog({ silence, onClose }: { silence: Silence; onClose: () => void }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => expireSilence(api.transport, silence.id, new AbortController().signal),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["silences"] }),
    onSuccess: onClose,
  });
  return (
    <Dialog onClose={onClose} title="Expire the silence">
      <div className="form">
        <p className="form__says">What it hides and still fires is notified again.</p>
        <span className="mono">{`{${formatMatchers(silence.matchers)}}`}</span>
        {error !== null && <Note kind="error">{errorText(error)}</Note>}
        <div className="form__buttons">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button loading={isPending} onClick={() => mutate()} data-autofocus>
            Expire
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
