import { useEffect, useState } from "react";
import { useApi } from "./api-context.ts";

/** The server's time, again every `everyMs`; for ages, which grow while one looks. */
export function useNow(everyMs: number): number {
  const api = useApi();
  const [nowMs, setNowMs] = useState(api.nowMs);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(api.nowMs()), everyMs);
    return () => clearInterval(timer);
  }, [api, everyMs]);
  return nowMs;
}
