import { ActionIcon, Button, Textarea, TextInput } from "@mantine/core";
import { errorText } from "@pharos/base";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useApi } from "./api-context.ts";
import { useAuthor } from "./author.ts";
import { AuthorField } from "./author-field.tsx";
import { CrossIcon, PlusIcon } from "./icons.tsx";
import { Note } from "./note.tsx";
import { matcherProblem, matchesNothing, type SilencePrefill } from "./silence-draft.ts";
import { SilencePreviewCards } from "./silence-preview.tsx";
import { type RecurringTimes, saveSilence } from "./silence-requests.ts";
import { initialSchedule, resolveSchedule, type SilenceTimes } from "./silence-schedule.ts";
import { SilenceScheduleFields } from "./silence-schedule-fields.tsx";
import {
  MATCH_OPERATORS,
  type MatchOperator,
  type Silence,
  type SilenceMatcher,
} from "./silence-state.ts";
import { useKeptParams, useTimeZone } from "./url-state.ts";
import { useNow } from "./use-now.ts";

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
  const [schedule, setSchedule] = useState(() =>
    initialSchedule(prefill, silence, api.nowMs(), zone),
  );
  const nowMs = useNow(10_000);
  const times = resolveSchedule(schedule, nowMs, zone);

  const matchers = rows.filter(({ name, value }) => name !== "" || value !== "");
  const problem =
    matchers.length === 0
      ? "Say which alerts: at least one label."
      : (matchers.map(matcherProblem).find((text) => text !== undefined) ??
        (matchers.every(matchesNothing)
          ? "At least one matcher must ask for a label that is there, or everything is hidden."
          : undefined));
  const ready =
    problem === undefined && !("problem" in times) && author.trim() !== "" && comment.trim() !== "";

  const { mutate, isPending, error } = useMutation({
    mutationFn: () => {
      const resolved = resolveSchedule(schedule, api.nowMs(), zone);
      if ("problem" in resolved) throw new Error(resolved.problem);
      const { endsAtMs, recurrence, startsAtMs } = resolved;
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
          <SilenceScheduleFields
            schedule={schedule}
            nowMs={nowMs}
            zone={zone}
            onChange={setSchedule}
          />
          <AuthorField author={author} onChange={setAuthor} />
          <Textarea
            label="Why"
            value={comment}
            maxLength={4096}
            rows={2}
            required
            onChange={(event) => setComment(event.currentTarget.value)}
          />
          {problem !== undefined && <p className="form__problem">{problem}</p>}
          {"problem" in times && <p className="form__problem">{times.problem}</p>}
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
        <SilencePreviewCards
          matchers={problem === undefined ? matchers : []}
          times={recurringTimes(times)}
          zone={zone}
        />
      </div>
    </>
  );
}

/** What says when it hides; undefined where that is once, and stands in the fields. */
function recurringTimes(
  times: SilenceTimes | { readonly problem: string },
): RecurringTimes | undefined {
  if ("problem" in times || times.recurrence === undefined) return undefined;
  const { endsAtMs, recurrence, startsAtMs } = times;
  return { endsAtMs, recurrence, startsAtMs };
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
