/** Rules come from files and the API: only what is surely a web address becomes a link. */
export function AnnotationValue({ value }: { value: string }) {
  if (!/^https?:\/\/\S+$/.test(value)) return value;
  return (
    <a href={value} target="_blank" rel="noopener noreferrer">
      {value}
    </a>
  );
}
