import { TextInput } from "@mantine/core";
import { useRef } from "react";
import { useCommand } from "./commands.tsx";
import { SearchIcon } from "./icons.tsx";

/** The search of a page: `/` comes here, Escape leaves, and every key is in the URL at once. */
export function SearchField(props: {
  label: string;
  text: string;
  onChange: (text: string) => void;
}) {
  const input = useRef<HTMLInputElement>(null);
  useCommand("focusSearch", () => {
    input.current?.focus();
    input.current?.select();
  });
  return (
    <TextInput
      ref={input}
      type="search"
      size="xs"
      w={280}
      maw="100%"
      styles={{ input: { height: 30, minHeight: 30, fontSize: 13 } }}
      leftSection={<SearchIcon />}
      aria-label={props.label}
      placeholder={props.label}
      value={props.text}
      onChange={(event) => props.onChange(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === "Escape") event.currentTarget.blur();
      }}
    />
  );
}
