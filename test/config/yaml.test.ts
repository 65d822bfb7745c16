import { expect, test } from 'vitest'
import { parseYaml } from '../../src/config/yaml.ts'

test.each([
  ['a: 1\n---\nb: 2\n', 'chancery.yaml: Only one document may be in it; another begins at line 2, column 1.'],
  ['a: 1\na: 2\n', 'chancery.yaml: Map keys must be unique at line 2, column 1.'],
  ['a:\n\tb: 1\n', 'chancery.yaml: Tabs are not allowed as indentation at line 2, column 1.'],
])('of YAML that cannot be read (%j) a whole sentence says what is wrong, and where', (text, message) => {
  expect(() => parseYaml(text, 'chancery.yaml')).toThrow(message)
})
