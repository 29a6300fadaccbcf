package requirements_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/requirements"
)

// The printing rule, one row per combination of grade and status that the catalogue holds, and one per kind of
// binding note that changes the text.
func TestPrint(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, id    string
		fact        bool
		print, cite string
	}{
		{
			name: "A in-force", id: "SE-PDL-1-2", fact: true,
			print: `PdL 1 kap. 2 § st. 3 "Lagens syfte" [SE-PDL-1-2]: Documented personal data must be handled and stored so that unauthorised people cannot get at them.`,
			cite:  `PdL 1 kap. 2 § st. 3 "Lagens syfte" [SE-PDL-1-2]`,
		},
		{
			name: "B in-force", id: "SE-PDF-2-3", fact: true,
			print: `Patientdataförordning (2008:360) 2 och 3 §§ [SE-PDF-2-3]: Empower Socialstyrelsen to issue the detailed rules (HSLF-FS 2016:40 is issued under them, with other powers). (the provision itself was not read; as stated by HSLF-FS 2020:56, preamble; lagen.nu, https://lagen.nu/hslf-fs/2020:56; note: text of the ordinance itself not read; the paragraph numbers come from the preamble of HSLF-FS 2020:56)`,
			cite:  `Patientdataförordning (2008:360) 2 och 3 §§ [SE-PDF-2-3] (the provision itself was not read; as stated by S-5656, transcription of official text; note: text of the ordinance itself not read; the paragraph numbers come from the preamble of HSLF-FS 2020:56)`,
		},
		{
			name: "A* check-2025:57", id: "SE-HSLF-1-2", fact: true,
			print: `HSLF-FS 2016:40 1 kap. 2 § "Tillämpningsområde" [SE-HSLF-1-2]: 3 kap. 2 § 4, 3 kap. 7-20 §§ and 4 kap. 2-12 §§ bind only providers whose patient-data systems are wholly or partly automated. (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: scope gate for every row below; wording read is the consolidation up to HSLF-FS 2020:56)`,
			cite:  `HSLF-FS 2016:40 1 kap. 2 § "Tillämpningsområde" [SE-HSLF-1-2] (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: scope gate for every row below; wording read is the consolidation up to HSLF-FS 2020:56)`,
		},
		{
			name: "a note that narrows what was read", id: "SE-HSLF-3-2-4", fact: true,
			print: `HSLF-FS 2016:40 3 kap. 2 § p. 4 "(via ledningssystemet) spårbarhet" [SE-HSLF-3-2-4]: The management system must ensure that actions can be traced to a user. (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: verbatim quotation; p. 1-3 (availability, correctness, confidentiality) not read: unverified)`,
			cite:  `HSLF-FS 2016:40 3 kap. 2 § p. 4 "(via ledningssystemet) spårbarhet" [SE-HSLF-3-2-4] (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: verbatim quotation; p. 1-3 (availability, correctness, confidentiality) not read: unverified)`,
		},
		{
			name: "U do-not-assert", id: "SE-HSLF-3-3..6", fact: false,
			print: `[SE-HSLF-3-3..6] to be confirmed by counsel`,
			cite:  `[SE-HSLF-3-3..6] to be confirmed by counsel`,
		},
		{
			name: "C to-confirm", id: "SE-HSLF-3-DRIFT", fact: false,
			print: `unverified, to be confirmed by counsel: HSLF-FS 2016:40 3 kap. 7 or 8 § - number UNVERIFIED "Driftdokumentation" [SE-HSLF-3-DRIFT]: Keep clear, current operating documentation for every system that handles patient records. (note: must be <= 8 § because 9 § opens the next heading, and >= 7 § if it is in the automated-systems block)`,
			cite:  `unverified, to be confirmed by counsel: HSLF-FS 2016:40 3 kap. 7 or 8 § - number UNVERIFIED "Driftdokumentation" [SE-HSLF-3-DRIFT] (note: must be <= 8 § because 9 § opens the next heading, and >= 7 § if it is in the automated-systems block)`,
		},
		{
			name: "B check-2025:57", id: "SE-HSLF-3-9", fact: true,
			print: `HSLF-FS 2016:40 3 kap. 9 § "Upphandling och utveckling" [SE-HSLF-3-9]: Requirements must be carried into procurement: suppliers and outsourcing of patient-record systems are bound to the same rules. (the provision itself was not read; as stated by Elastisys, Welkin (Compliant Kubernetes) documentation as of 2024-12-16, GitHub repository elastisys/compliantkubernetes, commit 04884fa: CISO guide (backup, capacity management, cryptography, intrusion detection, log review, network security, vulnerability, PDL audit logs; verbatim Swedish quotations of HSLF-FS 2016:40) and HSLF-FS tags in the operator manual (access control, credentials, disaster recovery, provider audit) and user guide; and by Elastisys Tech Blog, 'How to use Kubernetes in Swedish healthcare', https://elastisys.com/how-to-use-kubernetes-in-swedish-healthcare/; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: number+heading verified, wording not)`,
			cite:  `HSLF-FS 2016:40 3 kap. 9 § "Upphandling och utveckling" [SE-HSLF-3-9] (the provision itself was not read; as stated by S-WELKIN, verbatim quotations, pre-2026 wording; and by S-ELASTISYS-SE, blog post; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: number+heading verified, wording not)`,
		},
		{
			name: "A* amended-2026-02-01", id: "SE-HSLF-3-15-1", fact: true,
			print: `HSLF-FS 2016:40 3 kap. 15 § p. 1 "Behandling av personuppgifter i öppna nät (heading may have changed in 2025:57)" [SE-HSLF-3-15-1]: Transfer so that nobody unauthorised can read the data (in practice: encryption). (wording before 2026-02-01; changed by HSLF-FS 2025:57; note: verbatim for wording before 2026-02-01)`,
			cite:  `HSLF-FS 2016:40 3 kap. 15 § p. 1 "Behandling av personuppgifter i öppna nät (heading may have changed in 2025:57)" [SE-HSLF-3-15-1] (wording before 2026-02-01; changed by HSLF-FS 2025:57; note: verbatim for wording before 2026-02-01)`,
		},
		{
			name: "a parameter and its explanation", id: "SE-HSLF-4-9-7", fact: true,
			print: `HSLF-FS 2016:40 4 kap. 9 § p. 7 "Kontroll av åtkomst till uppgifter" [SE-HSLF-4-9-7]: Keep the logs at least five years. (wording before 2026-02-01; changed by HSLF-FS 2025:57; note: 1827 = 5 y incl. leap days; minimum confirmed unchanged after 2025:57 by two secondary sources)`,
			cite:  `HSLF-FS 2016:40 4 kap. 9 § p. 7 "Kontroll av åtkomst till uppgifter" [SE-HSLF-4-9-7] (wording before 2026-02-01; changed by HSLF-FS 2025:57; note: 1827 = 5 y incl. leap days; minimum confirmed unchanged after 2025:57 by two secondary sources)`,
		},
		{
			name: "A overlay:se-state", id: "SE-MSB7-2-4", fact: true,
			print: `MSBFS 2020:7 2 kap. 4 § "Dokumentation av it-miljön" [SE-MSB7-2-4]: Keep current documentation of hard- and software, dependencies, systems with extra protection needs. (binds Swedish state agencies only)`,
			cite:  `MSBFS 2020:7 2 kap. 4 § "Dokumentation av it-miljön" [SE-MSB7-2-4] (binds Swedish state agencies only)`,
		},
		{
			name: "A overlay:dk-state", id: "DK-ISO27001", fact: true,
			print: `Government decision; obligatory since January 2014 "ISO/IEC 27001 i staten" [DK-ISO27001]: All state institutions follow ISO/IEC 27001 (private operators: recommended by the 2016 guide). (binds Danish state institutions only; note: not a statute paragraph: never cite one)`,
			cite:  `Government decision; obligatory since January 2014 "ISO/IEC 27001 i staten" [DK-ISO27001] (binds Danish state institutions only; note: not a statute paragraph: never cite one)`,
		},
		{
			name: "a topic that only a post names", id: "DK-INSTR-5", fact: true,
			print: `Vejledning 2016, databehandlerinstruks, a topic named by a post "Kryptering" [DK-INSTR-5]: Instruction states encryption. (the provision itself was not read; as stated by Elastisys Tech Blog, 'How to use Kubernetes in Danish Healthcare', https://elastisys.com/kubernetes-in-danish-healthcare/)`,
			cite:  `Vejledning 2016, databehandlerinstruks, a topic named by a post "Kryptering" [DK-INSTR-5] (the provision itself was not read; as stated by S-ELASTISYS-DK, blog post)`,
		},
		{
			name: "A legacy", id: "DK-SIKBEK-19", fact: true,
			print: `BEK nr. 528 af 15/06/2000 § 19, stk. 1 (LEGACY, issued under persondataloven) "Logning" [DK-SIKBEK-19]: Log every use of personal data: time, user, kind of use, person or search key; keep 6 months, then delete; special need: up to 5 years. (an older rule, kept as a benchmark: not a duty in force; note: verbatim quoted by Datatilsynet ST8 (2015). Repeal at GDPR start: unverified but persondataloven is replaced (Danish Elastisys post). Both a floor and a ceiling)`,
			cite:  `BEK nr. 528 af 15/06/2000 § 19, stk. 1 (LEGACY, issued under persondataloven) "Logning" [DK-SIKBEK-19] (an older rule, kept as a benchmark: not a duty in force; note: verbatim quoted by Datatilsynet ST8 (2015). Repeal at GDPR start: unverified but persondataloven is replaced (Danish Elastisys post). Both a floor and a ceiling)`,
		},
		{
			name: "B not-applicable", id: "DK-LOGBEK", fact: true,
			print: `BEK nr. 988 af 28/09/2006 (logningsbekendtgørelsen) - NOT APPLICABLE "teletrafik" [DK-LOGBEK]: Telecom traffic-data retention; repealed 2022. Do not cite it for health logs. (the provision itself was not read; as stated by Logningsbekendtgørelsen; Retsinformation, https://www.retsinformation.dk/forms/r0710.aspx?id=163971; DKwiki, https://dkwiki.dk/OrdBog/Logningsbekendtg%c3%b8relsen; does not apply: listed so that nobody cites it by mistake)`,
			cite:  `BEK nr. 988 af 28/09/2006 (logningsbekendtgørelsen) - NOT APPLICABLE "teletrafik" [DK-LOGBEK] (the provision itself was not read; as stated by D-LOGBEK, official + wiki; does not apply: listed so that nobody cites it by mistake)`,
		},
		{
			name: "a counted number is not cited", id: "DK-NIS2-6-1-8", fact: true,
			print: `NIS 2-loven § 6, stk. 1 "Kryptografi og kryptering" [DK-NIS2-6-1-8]: Minimum measure: Kryptografi og kryptering. (note: one item of an unnumbered list)`,
			cite:  `NIS 2-loven § 6, stk. 1 "Kryptografi og kryptering" [DK-NIS2-6-1-8] (note: one item of an unnumbered list)`,
		},
		{
			name: "T in-force", id: "EU-GDPR-48", fact: true,
			print: `GDPR art. 48 "foreign orders" [EU-GDPR-48]: in our own words, its text was not read: Third-country orders alone do not justify disclosure.`,
			cite:  `GDPR art. 48 "foreign orders" [EU-GDPR-48]`,
		},
		{
			name: "B phased", id: "EU-EHDS-A2-3.2", fact: true,
			print: `EHDS Annex II 3.2 (with art. 25(1)) "European logging software component" [EU-EHDS-A2-3.2]: An EHR system records for each access: provider, person, data categories, time, origin. (the provision itself was not read; as stated by Documentation of the ehds-logging crate (third-party statement on Regulation (EU) 2025/327), https://docs.rs/ehds-logging; in force, but the duty applies from a later date; note: application; later application dates (2027/2029/2031 phases))`,
			cite:  `EHDS Annex II 3.2 (with art. 25(1)) "European logging software component" [EU-EHDS-A2-3.2] (the provision itself was not read; as stated by E-EHDS, secondary; in force, but the duty applies from a later date; note: application; later application dates (2027/2029/2031 phases))`,
		},
		{
			name: "C phased", id: "EU-EHDS-A2-3.4", fact: false,
			print: `unverified, to be confirmed by counsel: EHDS Annex II 3.3-3.4 [EU-EHDS-A2-3.4]: Log review tooling and differing retention/access per data category. (in force, but the duty applies from a later date)`,
			cite:  `unverified, to be confirmed by counsel: EHDS Annex II 3.3-3.4 [EU-EHDS-A2-3.4] (in force, but the duty applies from a later date)`,
		},
		{
			name: "T standard", id: "ISO-A.5.3", fact: true,
			print: `ISO/IEC 27001:2022 A.5.3 "Segregation of duties" [ISO-A.5.3]: in our own words, its text was not read: Conflicting duties are split. (a standard: it binds only by contract, certification or choice)`,
			cite:  `ISO/IEC 27001:2022 A.5.3 "Segregation of duties" [ISO-A.5.3] (a standard: it binds only by contract, certification or choice)`,
		},
		{
			name: "A standard", id: "K8S-CIS-API-ANON", fact: true,
			print: `CIS Kubernetes 1.2.1, 4.2.1 "anonymous-auth false" [K8S-CIS-API-ANON]: No anonymous API/kubelet access. (a standard: it binds only by contract, certification or choice; note: 1.2.1 is "Manual")`,
			cite:  `CIS Kubernetes 1.2.1, 4.2.1 "anonymous-auth false" [K8S-CIS-API-ANON] (a standard: it binds only by contract, certification or choice; note: 1.2.1 is "Manual")`,
		},
		{
			name: "B standard", id: "K8S-NSA-1..7", fact: true,
			print: `NSA/CISA Kubernetes Hardening Guide v1.2 (Aug 2022) [K8S-NSA-1..7]: (1) scan containers (2) least privilege (3) network separation (4) firewalls+encryption (5) strong authn/authz (6) audit logs (7) periodic review and patching. (the provision itself was not read; as stated by On the NSA/CISA Kubernetes Hardening Guide: kube-secure-scanner documentation (v1.2, 29 August 2022), https://mitre.github.io/kube-secure-scanner/security/compliance/nsa-cisa-hardening; NSA press release, http://www.nsa.gov/Press-Room/News-Highlights/Article/Article/2716980/; Cloud Security Alliance (CSA) Circle post listing the v1.1 mitigations; a standard: it binds only by contract, certification or choice; note: seven mitigations as listed for 1.1)`,
			cite:  `NSA/CISA Kubernetes Hardening Guide v1.2 (Aug 2022) [K8S-NSA-1..7] (the provision itself was not read; as stated by K-NSA, secondary; a standard: it binds only by contract, certification or choice; note: seven mitigations as listed for 1.1)`,
		},
	}
	c := embedded(t)
	covered := map[string]bool{}
	for _, tt := range tests {
		r, ok := c.ByID(tt.id)
		require.True(t, ok, tt.id)
		covered[string(r.Grade)+" "+string(r.Status)] = true
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, fact := r.Print()
			assert.Equal(t, tt.print, text)
			assert.Equal(t, tt.fact, fact)
			assert.Equal(t, tt.cite, r.Cite())
		})
	}
	for _, r := range c.All() {
		assert.True(t, covered[string(r.Grade)+" "+string(r.Status)], "no row prints grade %s with status %s (%s)", r.Grade, r.Status, r.ID)
	}
}

// What is not established must not leak through any other field of its row.
func TestPrintKeepsUnestablishedContentBack(t *testing.T) {
	t.Parallel()
	for _, r := range embedded(t).All() {
		text, fact := r.Print()
		assert.NotContains(t, text, "\n", r.ID)
		assert.Contains(t, text, "["+r.ID+"]")
		switch r.Grade {
		case "U":
			assert.False(t, fact, r.ID)
			assert.Equal(t, "["+r.ID+"] to be confirmed by counsel", text)
			assert.Equal(t, text, r.Cite())
		case "C":
			assert.False(t, fact, r.ID)
			assert.Regexp(t, "^unverified, to be confirmed by counsel: ", text)
			assert.Regexp(t, "^unverified, to be confirmed by counsel: ", r.Cite())
		default:
			assert.True(t, fact, r.ID)
		}
	}
}

// A legend says no more than the printing rule does.
func TestSure(t *testing.T) {
	t.Parallel()
	said := map[requirements.Grade]string{}
	for _, r := range embedded(t).All() {
		said[r.Grade] = r.Grade.Sure()
	}
	assert.Equal(t, map[requirements.Grade]string{
		"A":  "the text of the provision was read",
		"A*": "the text was read in its wording before 2026-02-01",
		"B":  "the provision itself was not read; a source states it with this number",
		"T":  "number and title are verified, the text was not read",
		"C":  "partly inferred: unverified, to be confirmed by counsel",
		"U":  "not established: to be confirmed by counsel",
	}, said)
	assert.Empty(t, requirements.Grade("Z").Sure())
}
