import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { useApi } from "./api-context.ts";

/** The now of all charts of a page: it moves when the page refreshes, and not between, so that they agree. */
export interface RefreshClock {
  readonly nowMs: number;
  /** Moves now, and asks again even for what is already known. */
  refresh(): void;
}

/** Refreshes every `everyMs` while somebody looks; 0 is only when asked. */
export function useRefreshClock(everyMs: number): RefreshClock {
  const api = useApi();
  const queryClient = useQueryClient();
  const [nowMs, setNowMs] = useState(api.nowMs);

  useEffect(() => {
    if (everyMs === 0) return;
    const tick = () => {
      if (!document.hidden) setNowMs(api.nowMs());
    };
    const timer = setInterval(tick, everyMs);
    // Who comes back to the page after an hour should not wait for the next tick.
    document.addEventListener("visibilitychange", tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tick);
    };
  }, [api, everyMs]);

  const refresh = useCallback(() => {
    setNowMs(api.nowMs());
    void queryClient.invalidateQueries({ queryKey: ["query_range"] });
    void queryClient.invalidateQueries({ queryKey: ["query"] });
  }, [api, queryClient]);

  return { nowMs, refresh };
}
