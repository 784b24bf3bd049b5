import { TextInput } from "@mantine/core";

/** Who does this, as `useAuthor` remembers it. */
export function AuthorField(props: {
  author: string;
  onChange: (author: string) => void;
  /** Begin here where nobody is known yet. */
  isFirst?: boolean;
}) {
  const { author, onChange, isFirst = false } = props;
  return (
    <TextInput
      label="You are"
      placeholder="Name or address"
      value={author}
      maxLength={256}
      required
      data-autofocus={(isFirst && author === "") || undefined}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
