/** One of a few, all in sight: a row of buttons of which one is pressed. */
export function Choice<T extends string>(props: {
  label: string;
  options: readonly { readonly value: T; readonly name: string }[];
  value: T;
  onChange: (value: T) => void;
}) {
  return (
    <fieldset className="choice" aria-label={props.label}>
      {props.options.map(({ value, name }) => (
        <button
          key={value}
          type="button"
          className="filter"
          aria-pressed={value === props.value}
          onClick={() => props.onChange(value)}
        >
          {name}
        </button>
      ))}
    </fieldset>
  );
}
