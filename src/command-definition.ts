// The command line in plain data: what completion and the manual are made of. src/commands/definitions.ts reads it off
// the commands.

/** An option as it was defined. */
export interface OptionDefinition {
  /** `-n, --dry-run`, `--out <dir>`. */
  flags: string;
  short: string | undefined;
  long: string;
  /** The name of its value, `dir`; undefined when it takes none. */
  value: string | undefined;
  description: string;
  choices: readonly string[] | undefined;
  default: string | undefined;
  repeatable: boolean;
}

export interface ArgumentDefinition {
  name: string;
  required: boolean;
  variadic: boolean;
  description: string;
  choices: readonly string[] | undefined;
}

export interface CommandDefinition {
  name: string;
  summary: string;
  options: OptionDefinition[];
  arguments: ArgumentDefinition[];
  commands: CommandDefinition[];
}
