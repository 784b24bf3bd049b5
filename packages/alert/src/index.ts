export {
  EXPANSION_LENGTH_MAX,
  EXPANSION_STEPS_MAX,
  expandTemplate,
  parseTemplate,
  renderTemplate,
  type Template,
  type TemplateData,
} from "./template/template.ts";
export { queryEscape } from "./template/template-functions.ts";
export { TEMPLATE_LENGTH_MAX, TemplateSyntaxError } from "./template/template-lexer.ts";
