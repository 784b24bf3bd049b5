import { useState } from "react";
import { readStorage, writeStorage } from "./browser-storage.ts";

const AUTHOR = "pharos.author";

/** Who sits at this browser, as they said themselves the last time they did something; "" until then. */
export function useAuthor(): [author: string, setAuthor: (author: string) => void] {
  const [author, setAuthor] = useState(() => readStorage(AUTHOR) ?? "");
  return [
    author,
    (next) => {
      setAuthor(next);
      writeStorage(AUTHOR, next.trim() === "" ? null : next.trim());
    },
  ];
}
