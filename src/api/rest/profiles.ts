import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { isInternal } from '../../ca/internal-profiles.ts'
import { formatDuration } from '../../config/duration.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import { principalOf } from '../caller.ts'

const ProfileView = Type.Object({
  name: Type.String(),
  description: Type.String(),
  isDefault: Type.Boolean(),
  keyUsage: Type.Array(Type.String()),
  extendedKeyUsage: Type.Array(Type.String()),
  keyTypes: Type.Array(Type.String()),
  nameTypes: Type.Array(Type.String()),
  defaultValidity: Type.String(),
  maximumValidity: Type.String(),
  mustStaple: Type.Boolean(),
  noRevocation: Type.Boolean(),
  renewal: Type.Boolean(),
  approval: Type.String({ description: 'What an admin must approve: "none", "enrol", or "always".' }),
})

/** What can be asked for; for anyone who may ask for something. */
export const profileRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.get(
    '/v1/profiles',
    {
      schema: {
        summary: 'List profiles',
        tags: ['profiles'],
        response: { 200: Type.Object({ profiles: Type.Array(ProfileView) }) },
      },
    },
    async (request) => {
      await principalOf(request, service)
      const profiles = [...service.profiles.values()].filter(({ name }) => !isInternal(name))
      return {
        profiles: profiles.map((profile) => ({
          name: profile.name,
          description: profile.description,
          isDefault: profile.name === service.config.defaultProfile,
          keyUsage: [...profile.keyUsage],
          extendedKeyUsage: [...profile.extendedKeyUsage],
          keyTypes: [...profile.keyTypes],
          nameTypes: [...profile.names.types],
          defaultValidity: formatDuration(profile.validity.default),
          maximumValidity: formatDuration(profile.validity.maximum),
          mustStaple: profile.mustStaple,
          noRevocation: profile.noRevocation,
          renewal: profile.renewal,
          approval: profile.approval,
        })),
      }
    },
  )
}
