import { errorText } from "@pharos/base";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useApi } from "./api-context.ts";
import { Note } from "./note.tsx";
import { deleteOverride, listOverrides } from "./oncall-state.ts";
import { formatShortDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";

/** Who stands in for somebody from when to when, as long as that is not over. */
export function Overrides(props: { schedule: string; nowMs: number; zone: TimeZone }) {
  const { nowMs, schedule, zone } = props;
  const api = useApi();
  const queryClient = useQueryClient();
  const { data } = useQuery({
    queryKey: ["overrides", schedule],
    queryFn: ({ signal }) => listOverrides(api.transport, schedule, signal),
  });
  const { error, isPending, mutate } = useMutation({
    mutationFn: (id: string) =>
      deleteOverride(api.transport, schedule, id, new AbortController().signal),
    onSettled: () =>
      Promise.all(
        ["oncall", "shifts", "overrides"].map((key) =>
          queryClient.invalidateQueries({ queryKey: [key] }),
        ),
      ),
  });
  const shown = (data ?? []).filter(({ endsAtMs }) => endsAtMs > nowMs);
  if (shown.length === 0) return null;
  return (
    <ul className="overrides">
      {error !== null && <Note kind="error">{errorText(error)}</Note>}
      {shown.map(({ by, comment, contact, endsAtMs, id, startsAtMs }) => (
        <li key={id}>
          <b>{contact}</b> stands in from {formatShortDateTime(startsAtMs, zone)} to{" "}
          {formatShortDateTime(endsAtMs, zone)}
          <span className="dim">
            {comment === "" ? "" : `${comment}, `}by {by}
          </span>
          <button
            type="button"
            className="linklike"
            disabled={isPending}
            onClick={() => mutate(id)}
            aria-label={`Remove: ${contact} stands in`}
          >
            Remove
          </button>
        </li>
      ))}
    </ul>
  );
}
