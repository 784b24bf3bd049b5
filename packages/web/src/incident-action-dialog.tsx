import { Button, Textarea } from "@mantine/core";
import { errorText } from "@pharos/base";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type KeyboardEvent, useState } from "react";
import { useApi } from "./api-context.ts";
import { useAuthor } from "./author.ts";
import { AuthorField } from "./author-field.tsx";
import { Choice } from "./choice.tsx";
import { Dialog } from "./dialog.tsx";
import { actOnIncident, type IncidentAction } from "./incident-requests.ts";
import { type Incident, incidentTitle } from "./incident-state.ts";
import { Note } from "./note.tsx";

export type IncidentActionKind = IncidentAction["kind"];

const TEXTS = {
  acknowledge: {
    title: "Acknowledge",
    says: "You are at it: nobody is notified or paged of these alerts meanwhile. Other kinds of alerts are told as before.",
  },
  unacknowledge: {
    title: "Take the acknowledgement back",
    says: "People are notified of what still fires, and the escalation goes on.",
  },
  resolve: {
    title: "Resolve",
    says: "It is over. What fires on opens another incident only when it fires anew.",
  },
  comment: { title: "Comment", says: "" },
} as const satisfies Record<IncidentActionKind, object>;

const MINUTE_MS = 60_000;
const LASTS = [
  { value: "", name: "Until resolved", ms: undefined },
  { value: "30m", name: "30m", ms: 30 * MINUTE_MS },
  { value: "1h", name: "1h", ms: 60 * MINUTE_MS },
  { value: "2h", name: "2h", ms: 120 * MINUTE_MS },
  { value: "8h", name: "8h", ms: 480 * MINUTE_MS },
  { value: "24h", name: "24h", ms: 1440 * MINUTE_MS },
] as const;

/** Asks who does it and what they say about it. Enter is yes, Escape is no. */
export function IncidentActionDialog(props: {
  incident: Incident;
  kind: IncidentActionKind;
  onClose: () => void;
}) {
  const { incident, kind, onClose } = props;
  const api = useApi();
  const queryClient = useQueryClient();
  const [author, setAuthor] = useAuthor();
  const [comment, setComment] = useState("");
  const [lasts, setLasts] = useState<(typeof LASTS)[number]["value"]>("");
  const { title, says } = TEXTS[kind];
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => {
      const said = { by: author.trim(), comment: comment.trim() };
      const lastsMs = LASTS.find(({ value }) => value === lasts)?.ms;
      const action: IncidentAction =
        kind === "acknowledge" ? { kind, ...said, lastsMs } : { kind, ...said };
      return actOnIncident(api.transport, incident.id, action, new AbortController().signal);
    },
    // What the page shows next is what the server has, not what this dialog believes.
    onSettled: () =>
      Promise.all([
        queryClient.invalidateQueries({ queryKey: ["incidents"] }),
        queryClient.invalidateQueries({ queryKey: ["incident", incident.id] }),
      ]),
    onSuccess: onClose,
  });

  const ready = author.trim() !== "" && (kind !== "comment" || comment.trim() !== "");
  const submit = () => {
    if (ready && !isPending) mutate();
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    submit();
  };
  const onCommentKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    submit();
  };

  return (
    <Dialog onClose={onClose} title={`${title}: ${incidentTitle(incident)}`}>
      <form className="form" onSubmit={onSubmit}>
        {says !== "" && <p className="form__says">{says}</p>}
        <AuthorField author={author} onChange={setAuthor} isFirst />
        <Textarea
          label={kind === "comment" ? "Comment" : "Comment (if any)"}
          value={comment}
          maxLength={4096}
          rows={3}
          data-autofocus={author !== "" || undefined}
          onChange={(event) => setComment(event.currentTarget.value)}
          onKeyDown={onCommentKey}
        />
        {kind === "acknowledge" && (
          <div>
            <div className="form__label">For how long</div>
            <Choice label="For how long" options={LASTS} value={lasts} onChange={setLasts} />
          </div>
        )}
        {error !== null && <Note kind="error">{errorText(error)}</Note>}
        <div className="form__buttons">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={isPending} disabled={!ready}>
            {title}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
