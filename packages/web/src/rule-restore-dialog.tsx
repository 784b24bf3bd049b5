import { Button, TextInput } from "@mantine/core";
import { errorText } from "@pharos/base";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useApi } from "./api-context.ts";
import { useAuthor } from "./author.ts";
import { AuthorField } from "./author-field.tsx";
import { Dialog } from "./dialog.tsx";
import { Note } from "./note.tsx";
import { type RuleVersion, restoreRuleVersion, versionText } from "./rule-versions.ts";

/** Asks who brings an old version of a rule back, and why. */
export function RuleRestoreDialog(props: {
  id: string;
  version: RuleVersion;
  onClose: () => void;
  onRestored: () => void;
}) {
  const { id, onClose, onRestored, version } = props;
  const api = useApi();
  const queryClient = useQueryClient();
  const [author, setAuthor] = useAuthor();
  const [comment, setComment] = useState("");
  const { mutate, isPending, error } = useMutation({
    mutationFn: () =>
      restoreRuleVersion(
        api.transport,
        id,
        version.version,
        { author: author.trim(), comment: comment.trim() },
        new AbortController().signal,
      ),
    onSuccess: async () => {
      await Promise.all(
        // All of them: the page may know the rule by its name or by its id.
        ["rules", "alert-rules", "alert-rule", "rule-versions"].map((key) =>
          queryClient.invalidateQueries({ queryKey: [key] }),
        ),
      );
      onRestored();
    },
  });
  const ready = author.trim() !== "";
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (ready && !isPending) mutate();
  };
  return (
    <Dialog onClose={onClose} title={`Restore version ${version.version}`}>
      <form className="form" onSubmit={onSubmit}>
        <p className="form__says">
          The rule becomes this again, as a new version; what came after stays in the list.
        </p>
        <pre className="rule-editor__expr">{versionText(version)}</pre>
        <AuthorField author={author} onChange={setAuthor} isFirst />
        <TextInput
          label="Why (if you like)"
          value={comment}
          maxLength={4096}
          data-autofocus={author !== "" || undefined}
          onChange={(event) => setComment(event.currentTarget.value)}
        />
        {error !== null && <Note kind="error">{errorText(error)}</Note>}
        <div className="form__buttons">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={isPending} disabled={!ready}>
            Restore
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
