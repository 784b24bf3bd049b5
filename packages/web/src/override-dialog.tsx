import { Button, TextInput } from "@mantine/core";
import { errorText } from "@pharos/base";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useApi } from "./api-context.ts";
import { useAuthor } from "./author.ts";
import { AuthorField } from "./author-field.tsx";
import { Dialog } from "./dialog.tsx";
import { Note } from "./note.tsx";
import { addOverride } from "./oncall-state.ts";
import { formatShortDateTime, formatZone } from "./time-format.ts";
import { parseTimeBound } from "./time-range.ts";
import type { TimeZone } from "./time-zone.ts";
import { useTimeZone } from "./url-state.ts";

const DAY_MS = 86_400_000;

/** Has somebody stand in for whoever would be on call. */
export function OverrideDialog(props: {
  schedule: string;
  contacts: readonly string[];
  onClose: () => void;
}) {
  const { contacts, onClose, schedule } = props;
  const api = useApi();
  const queryClient = useQueryClient();
  const [zone] = useTimeZone();
  const [author, setAuthor] = useAuthor();
  const [contact, setContact] = useState(contacts.includes(author) ? author : (contacts[0] ?? ""));
  const [start, setStart] = useState("now");
  const [end, setEnd] = useState(() =>
    formatShortDateTime(api.nowMs() + DAY_MS, zone).slice(0, 16),
  );
  const [comment, setComment] = useState("");
  const startsAtMs = pointOf(start, zone, api.nowMs());
  const endsAtMs = pointOf(end, zone, api.nowMs());
  const problem =
    startsAtMs === undefined || endsAtMs === undefined
      ? "Times are such as now, or 2026-11-21 14:05."
      : endsAtMs <= startsAtMs
        ? "The end must be after the start."
        : undefined;
  const ready = problem === undefined && contact !== "" && author.trim() !== "";
  const { error, isPending, mutate } = useMutation({
    mutationFn: () =>
      addOverride(
        api.transport,
        schedule,
        {
          contact,
          startsAtMs: startsAtMs ?? Number.NaN,
          endsAtMs: endsAtMs ?? Number.NaN,
          by: author.trim(),
          comment: comment.trim(),
        },
        new AbortController().signal,
      ),
    onSettled: () =>
      Promise.all(
        ["oncall", "shifts", "overrides"].map((key) =>
          queryClient.invalidateQueries({ queryKey: [key] }),
        ),
      ),
    onSuccess: onClose,
  });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (ready && !isPending) mutate();
  };
  return (
    <Dialog onClose={onClose} title={`Stand in: ${schedule}`}>
      <form className="form" onSubmit={onSubmit}>
        <label className="form__field">
          <span className="form__label">Who stands in</span>
          <select
            className="select select--wide"
            value={contact}
            onChange={(event) => setContact(event.currentTarget.value)}
            data-autofocus
          >
            {contacts.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <div className="form__times">
          <TextInput
            label={`From (${formatZone(zone)})`}
            value={start}
            onChange={(event) => setStart(event.currentTarget.value)}
          />
          <TextInput
            label={`Until (${formatZone(zone)})`}
            value={end}
            onChange={(event) => setEnd(event.currentTarget.value)}
          />
        </div>
        <AuthorField author={author} onChange={setAuthor} />
        <TextInput
          label="Comment (if any)"
          value={comment}
          maxLength={4096}
          onChange={(event) => setComment(event.currentTarget.value)}
        />
        {problem !== undefined && <p className="form__problem">{problem}</p>}
        {error !== null && <Note kind="error">{errorText(error)}</Note>}
        <div className="form__buttons">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={isPending} disabled={!ready}>
            Stand in
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function pointOf(text: string, zone: TimeZone, nowMs: number): number | undefined {
  const bound = parseTimeBound(text, zone);
  if (bound === undefined) return undefined;
  return bound.kind === "absolute" ? bound.timestampMs : nowMs - bound.agoMs;
}
