import { ActionIcon, Button, Textarea, TextInput } from "@mantine/core";
import { errorText } from "@pharos/base";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useApi } from "./api-context.ts";
import { useAuthor } from "./author.ts";
import { Choice } from "./choice.tsx";
import { CrossIcon, PlusIcon } from "./icons.tsx";
import { Note } from "./note.tsx";
import {
  DEFAULT_DURATION_MS,
  matcherProblem,
  matchesNothing,
  type SilencePrefill,
} from "./silence-draft.ts";
import { HiddenNow } from "./silence-preview.tsx";
import { saveSilence } from "./silence-requests.ts";
import {
  MATCH_OPERATORS,
  type MatchOperator,
  type Silence,
  type SilenceMatcher,
} from "./silence-state.ts";
import { formatShortDateTime, formatZone } from "./time-format.ts";
import { parseTimeBound, resolveRange, TIME_BOUND_HINT, type TimeBound } from "./time-range.ts";
import type { TimeZone } from "./time-zone.ts";
import { useKeptParams, useTimeZone } from "./url-state.ts";

const HOUR_MS = 3_600_000;
const DURATIONS = [
  { value: "30m", name: "30m", ms: HOUR_MS / 2 },
  { value: "1h", name: "1h", ms: HOUR_MS },
  { value: "2h", name: "2h", ms: 2 * HOUR_MS },
  { value: "4h", name: "4h", ms: 4 * HOUR_MS },
  { value: "8h", name: "8h", ms: 8 * HOUR_MS },
  { value: "1d", name: "1d", ms: 24 * HOUR_MS },
  { value: "3d", name: "3d", ms: 72 * HOUR_MS },
  { value: "1w", name: "1w", ms: 168 * HOUR_MS },
] as const;
/** No button: the times are typed. */
const TYPED = "";

const REPEATS = [
  { value: "", name: "Once" },
  { value: "FREQ=DAILY", name: "Every day" },
  { value: "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", name: "Monday to Friday" },
  { value: "FREQ=WEEKLY", name: "Every week" },
  { value: "custom", name: "By a rule" },
] as const;
type Repeat = (typeof REPEATS)[number]["value"];
/** How long something recurs where nobody says: a year, and then somebody looks at it again. */
const RECURS_MS = 365 * 24 * HOUR_MS;

interface Row extends SilenceMatcher {
  readonly key: number;
}

/** All of a silence, and what it hides now. */
export function SilenceForm(props: { prefill: SilencePrefill; silence: Silence | undefined }) {
  const { prefill, silence } = props;
  const api = useApi();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const kept = useKeptParams();
  const [zone] = useTimeZone();
  const [author, setAuthor] = useAuthor();
  const [comment, setComment] = useState(prefill.comment);
  const [rows, setRows] = useState<readonly Row[]>(() => rowsOf(prefill.matchers));
  const times = useTimes(prefill, silence, zone);

  const matchers = rows.filter(({ name, value }) => name !== "" || value !== "");
  const problem =
    matchers.length === 0
      ? "Say which alerts: at least one label."
      : (matchers.map(matcherProblem).find((text) => text !== undefined) ??
        (matchers.every(matchesNothing)
          ? "At least one matcher must ask for a label that is there, or everything is hidden."
          : undefined));
  const ready =
    problem === undefined &&
    times.problem === undefined &&
    author.trim() !== "" &&
    comment.trim() !== "";

  const { mutate, isPending, error } = useMutation({
    mutationFn: () => {
      const { endsAtMs, recurrence, startsAtMs } = times.resolve(api.nowMs());
      return saveSilence(
        api.transport,
        {
          id: silence?.state === "expired" ? undefined : silence?.id,
          matchers: matchers.map(({ name, operator, value }) => ({ name, operator, value })),
          startsAtMs,
          endsAtMs,
          recurrence,
          createdBy: author.trim(),
          comment: comment.trim(),
        },
        new AbortController().signal,
      );
    },
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["silences"] });
      await navigate({ to: "/silences", search: kept });
    },
  });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (ready && !isPending) mutate();
  };

  return (
    <>
      <div className="page__bar">
        <h1>{silence === undefined ? "New silence" : "Silence"}</h1>
        {silence !== undefined && <span className="dim mono">{silence.id}</span>}
      </div>
      <div className="silence__columns">
        <form className="card form silence__form" onSubmit={onSubmit}>
          <MatcherRows rows={rows} onChange={setRows} />
          {times.fields}
          <TextInput
            label="You are"
            value={author}
            maxLength={256}
            required
            onChange={(event) => setAuthor(event.currentTarget.value)}
          />
          <Textarea
            label="Why"
            value={comment}
            maxLength={4096}
            rows={2}
            required
            data-autofocus
            onChange={(event) => setComment(event.currentTarget.value)}
          />
          {problem !== undefined && <p className="form__problem">{problem}</p>}
          {times.problem !== undefined && <p className="form__problem">{times.problem}</p>}
          {error !== null && <Note kind="error">{errorText(error)}</Note>}
          <div className="form__buttons">
            <Button
              variant="default"
              onClick={() => void navigate({ to: "/silences", search: kept })}
            >
              Cancel
            </Button>
            <Button type="submit" disabled={!ready} loading={isPending}>
              {silence === undefined || silence.state === "expired" ? "Silence" : "Save"}
            </Button>
          </div>
        </form>
        <HiddenNow matchers={problem === undefined ? matchers : []} />
      </div>
    </>
  );
}

function rowsOf(matchers: readonly SilenceMatcher[]): Row[] {
  const some = matchers.length > 0 ? matchers : [{ name: "", operator: "=" as const, value: "" }];
  return some.map((matcher, key) => ({ ...matcher, key }));
}

function MatcherRows(props: { rows: readonly Row[]; onChange: (rows: readonly Row[]) => void }) {
  const { onChange, rows } = props;
  const set = (key: number, change: Partial<SilenceMatcher>) =>
    onChange(rows.map((row) => (row.key === key ? { ...row, ...change } : row)));
  return (
    <fieldset className="matchers">
      <legend className="form__label">Alerts with</legend>
      {rows.map((row) => (
        <div key={row.key} className="matchers__row">
          <TextInput
            aria-label="Label"
            placeholder="label"
            value={row.name}
            onChange={(event) => set(row.key, { name: event.currentTarget.value.trim() })}
          />
          <select
            className="select"
            aria-label={`How ${row.name} is compared`}
            value={row.operator}
            onChange={(event) =>
              set(row.key, { operator: event.currentTarget.value as MatchOperator })
            }
          >
            {MATCH_OPERATORS.map((operator) => (
              <option key={operator} value={operator}>
                {operator}
              </option>
            ))}
          </select>
          <TextInput
            aria-label={`Value of ${row.name}`}
            placeholder="value"
            value={row.value}
            onChange={(event) => set(row.key, { value: event.currentTarget.value })}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={`Remove ${row.name}`}
            onClick={() => onChange(rows.filter(({ key }) => key !== row.key))}
          >
            <CrossIcon />
          </ActionIcon>
        </div>
      ))}
      <Button
        size="compact-sm"
        variant="default"
        leftSection={<PlusIcon />}
        onClick={() =>
          onChange([
            ...rows,
            {
              key: Math.max(-1, ...rows.map(({ key }) => key)) + 1,
              name: "",
              operator: "=",
              value: "",
            },
          ])
        }
      >
        Label
      </Button>
    </fieldset>
  );
}

/** The fields for when, and what they mean at the moment of saving. */
function useTimes(prefill: SilencePrefill, silence: Silence | undefined, zone: TimeZone) {
  const api = useApi();
  const [duration, setDuration] = useState(() => durationOf(prefill, silence));
  const [start, setStart] = useState(() =>
    silence === undefined || silence.state === "expired"
      ? "now"
      : formatShortDateTime(silence.startsAtMs, zone),
  );
  const [end, setEnd] = useState(() => {
    if (silence !== undefined && silence.state !== "expired")
      return formatShortDateTime(silence.endsAtMs, zone);
    return formatShortDateTime(api.nowMs() + (prefill.durationMs ?? DEFAULT_DURATION_MS), zone);
  });
  const before = silence?.recurrence;
  const [repeat, setRepeat] = useState<Repeat>(
    before === undefined
      ? ""
      : (REPEATS.find(({ value }) => value === before.rrule)?.value ?? "custom"),
  );
  const [rule, setRule] = useState(before?.rrule ?? "FREQ=WEEKLY;BYDAY=SU");
  const rrule = repeat === "custom" ? rule.trim() : repeat;

  const startBound = parseTimeBound(start, zone);
  const endBound = parseTimeBound(end, zone);
  const durationMs = DURATIONS.find(({ value }) => value === duration)?.ms;

  function resolve(nowMs: number) {
    const startsAtMs = startBound === undefined ? nowMs : boundMs(startBound, nowMs);
    const windowEndMs =
      durationMs === undefined
        ? endBound === undefined
          ? nowMs
          : boundMs(endBound, nowMs)
        : startsAtMs + durationMs;
    const recurrence =
      rrule === "" ? undefined : { rrule, durationMs: windowEndMs - startsAtMs, timeZone: zone };
    return {
      startsAtMs,
      endsAtMs: recurrence === undefined ? windowEndMs : startsAtMs + RECURS_MS,
      recurrence,
    };
  }

  const now = api.nowMs();
  const { startsAtMs, endsAtMs, recurrence } = resolve(now);
  const windowMs = recurrence?.durationMs ?? endsAtMs - startsAtMs;
  const problem =
    startBound === undefined
      ? `The start is no time such as ${TIME_BOUND_HINT}.`
      : durationMs === undefined && endBound === undefined
        ? `The end is no time such as ${TIME_BOUND_HINT}.`
        : windowMs <= 0
          ? "The end must be after the start."
          : endsAtMs <= now
            ? "The end must be after now."
            : undefined;

  const fields = (
    <>
      <div>
        <div className="form__label">For how long</div>
        <Choice
          label="For how long"
          options={[...DURATIONS, { value: TYPED, name: "Until …" }]}
          value={duration}
          onChange={setDuration}
        />
      </div>
      <div className="silence__times">
        <TextInput
          label={`From (${formatZone(zone)})`}
          value={start}
          onChange={(event) => setStart(event.currentTarget.value)}
        />
        <TextInput
          label={`Until (${formatZone(zone)})`}
          value={
            durationMs === undefined ? end : formatShortDateTime(startsAtMs + durationMs, zone)
          }
          onChange={(event) => {
            setDuration(TYPED);
            setEnd(event.currentTarget.value);
          }}
        />
      </div>
      <div>
        <div className="form__label">Again</div>
        <Choice label="Again" options={REPEATS} value={repeat} onChange={setRepeat} />
      </div>
      {repeat === "custom" && (
        <TextInput
          label="Recurrence rule (RFC 5545)"
          value={rule}
          onChange={(event) => setRule(event.currentTarget.value)}
        />
      )}
      {rrule !== "" && problem === undefined && (
        <p className="form__says">
          From {formatShortDateTime(startsAtMs, zone)} on, at the same time of the day in{" "}
          {formatZone(zone)}, for a year.
        </p>
      )}
    </>
  );
  return { fields, problem, resolve };
}

function durationOf(prefill: SilencePrefill, silence: Silence | undefined): string {
  if (silence !== undefined && silence.state !== "expired") return TYPED;
  const ms = prefill.durationMs ?? DEFAULT_DURATION_MS;
  return DURATIONS.find((duration) => duration.ms === ms)?.value ?? TYPED;
}

function boundMs(bound: TimeBound, nowMs: number): number {
  return resolveRange({ from: bound, to: bound }, nowMs).toMs;
}
