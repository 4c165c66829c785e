import { fill, inline, literal, tagged } from './roff.ts';

/** What a page says beside the definitions, by its headings: `DESCRIPTION`, `EXAMPLES` … */
export type Prose = ReadonlyMap<string, string>;

/** Reads a page's prose: sections under `# HEADING`. */
export function readProse(markdown: string): Prose {
  const sections = new Map<string, string>();
  for (const section of markdown.split(/^# /m).slice(1)) {
    const end = section.indexOf('\n');
    sections.set(section.slice(0, end).trim(), section.slice(end + 1).trim());
  }
  return sections;
}

/** The words of a section that is a list: exit codes, variables. */
export function listed(prose: Prose, heading: string): string[] {
  return (prose.get(heading) ?? '').split(/\s+/).filter((word) => word !== '');
}

/** The commands of a section, one string for each indented block. */
export function commandBlocks(text: string): string[] {
  return blocks(text).flatMap((block) => (isCode(block) ? [code(block).join('\n')] : []));
}

/** Paragraphs, lists whose items begin with `- `, indented blocks of code, and terms with `: what they mean` below. */
export function toRoff(text: string): string[] {
  const out: string[] = [];
  for (const block of blocks(text)) {
    const definition = /^(.+)\n: ([\s\S]+)$/.exec(block);
    if (isCode(block)) out.push('.PP', '.RS 4', ...literal(code(block)), '.RE');
    else if (definition !== null) out.push(...tagged(inline(definition[1] ?? ''), inline(definition[2] ?? '')));
    else if (block.startsWith('- '))
      for (const item of block.slice(2).split(/\n- /)) out.push('.IP \\(bu 2', ...fill(inline(item)));
    else out.push('.PP', ...fill(inline(block)));
  }
  // A section begins with a paragraph anyway.
  return out[0] === '.PP' ? out.slice(1) : out;
}

function blocks(text: string): string[] {
  return text.split(/\n{2,}/).filter((block) => block.trim() !== '');
}

function isCode(block: string): boolean {
  return block.startsWith('    ');
}

function code(block: string): string[] {
  return block.split('\n').map((line) => line.replace(/^ {4}/, ''));
}
