import { Button, Textarea, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { errorText } from "@pharos/base";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import {
  type AlertRule,
  changeAlertRule,
  editableText,
  saveAlertRule,
  testAlertRule,
} from "./alert-rules.ts";
import { useApi } from "./api-context.ts";
import { useAuthor } from "./author.ts";
import { AuthorField } from "./author-field.tsx";
import { Note } from "./note.tsx";
import { RuleTestCard } from "./rule-test-card.tsx";
import { formatShortDateTime } from "./time-format.ts";
import { useKeptParams, useTimeZone } from "./url-state.ts";

/** After so long without a key the rule is tested. */
const TYPING_MS = 500;

const NEW_RULE = `alert: HighErrorRate
expr: sum(rate(http_requests_total{code=~"5.."}[5m])) > 10
for: 5m
labels:
  severity: warning
annotations:
  summary: "{{ $value }} errors a second"
`;

/** The text of a rule in any of the forms that the API takes, and what it would do, as one types. */
export function RuleEditor({ rule }: { rule: AlertRule | undefined }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const kept = useKeptParams();
  const [zone] = useTimeZone();
  const [author, setAuthor] = useAuthor();
  const [comment, setComment] = useState("");
  const [text, setText] = useState(rule === undefined ? NEW_RULE : editableText(rule));
  const [replay, setReplay] = useState("");
  const [typed] = useDebouncedValue(text, TYPING_MS);
  const test = useQuery({
    queryKey: ["rule-test", typed, replay],
    queryFn: ({ signal }) => testAlertRule(api.transport, typed, replay, signal),
    enabled: typed.trim() !== "",
    placeholderData: keepPreviousData,
    retry: false,
  });
  const edit = { author: author.trim(), comment: comment.trim() };
  const done = async () => {
    await Promise.all([
      queryClient.invalidateQueries({ queryKey: ["rules"] }),
      queryClient.invalidateQueries({ queryKey: ["alert-rules"] }),
      queryClient.invalidateQueries({ queryKey: ["rule-versions"] }),
    ]);
    await navigate({ to: "/alerts", search: kept });
  };
  const saving = useMutation({
    mutationFn: () => saveAlertRule(api.transport, text, rule, edit, new AbortController().signal),
    onSuccess: done,
  });
  const changing = useMutation({
    mutationFn: (change: "enable" | "disable" | "delete") =>
      changeAlertRule(api.transport, rule?.id ?? "", change, edit, new AbortController().signal),
    onSuccess: done,
  });
  const error = saving.error ?? changing.error;
  const busy = saving.isPending || changing.isPending;
  // What is wrong is known only when what was tested is what stands there.
  const wrong = test.error !== null && typed === text;
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (!wrong && !busy && author.trim() !== "") saving.mutate();
  };
  return (
    <>
      <div className="page__bar">
        <h1>{rule === undefined ? "New rule" : rule.name}</h1>
        {rule !== undefined && (
          <span className="dim">
            version {rule.version} by {rule.author}
            {rule.updatedAtMs !== undefined && `, ${formatShortDateTime(rule.updatedAtMs, zone)}`}
          </span>
        )}
        {rule?.enabled === false && <span className="chip chip--grey">switched off</span>}
      </div>
      <div className="rule-editor__columns">
        <form className="card form rule-editor" onSubmit={onSubmit}>
          <Textarea
            label="Rule, as in a rule file, or in any form of the API"
            value={text}
            rows={16}
            spellCheck={false}
            styles={{ input: { fontFamily: "var(--ph-mono)", fontSize: 13 } }}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <div className="form__times">
            <AuthorField author={author} onChange={setAuthor} />
            <TextInput
              label="Why (if you like)"
              value={comment}
              maxLength={4096}
              onChange={(event) => setComment(event.currentTarget.value)}
            />
          </div>
          {error !== null && (
            <Note kind="error">
              <span className="rule-editor__error">{errorText(error)}</span>
            </Note>
          )}
          <div className="form__buttons">
            {rule !== undefined && (
              <>
                <Button
                  variant="default"
                  disabled={busy || author.trim() === ""}
                  onClick={() => changing.mutate("delete")}
                >
                  Delete
                </Button>
                <Button
                  variant="default"
                  disabled={busy || author.trim() === ""}
                  onClick={() => changing.mutate(rule.enabled ? "disable" : "enable")}
                >
                  {rule.enabled ? "Switch off" : "Switch on"}
                </Button>
              </>
            )}
            <Button
              type="submit"
              loading={saving.isPending}
              disabled={wrong || author.trim() === ""}
            >
              Save
            </Button>
          </div>
        </form>
        <RuleTestCard
          test={test.data}
          error={test.error}
          stale={test.isPlaceholderData}
          replay={replay}
          zone={zone}
          onReplay={setReplay}
        />
      </div>
    </>
  );
}
